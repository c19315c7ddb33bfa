/** What a try of collect leaves to the next one in its heartbeat. */
export interface Beat {
  /** How long the server had not answered then. */
  readonly silentMs: number;
  /** When, by Temporal's clock. */
  readonly atMs: number;
  readonly fraction: number;
  /** The server was seen to work on the prompt. */
  readonly hasStarted: boolean;
  /** When that was, by Temporal's clock. */
  readonly startedAtMs?: number;
}

/**
 * At most this much between two tries counts as silence: a heartbeat timeout and the pause before the next try. A clock
 * that jumps meanwhile makes no server lost.
 */
const MOST_BETWEEN_TRIES_MS = 15_000;

export interface Silence {
  /** The server answered just now. */
  answered(): void;
  /** How long it has not answered, over all tries. */
  silentMs(): number;
  /** Now, by Temporal's clock as this try knows it. */
  nowMs(): number;
}

/**
 * Counts for how long a server has not answered. Within a try by this process's steady clock, between tries by Temporal's
 * (`tryAtMs`: when this one was scheduled), never by comparing the clocks of two machines. A first try begins at zero: the
 * server has just taken the prompt.
 */
export function createSilence(
  earlier: Partial<Beat> | undefined,
  tryAtMs: number,
  steady: () => number = () => performance.now(),
): Silence {
  const startedAt = steady();
  const { silentMs = 0, atMs = tryAtMs } = earlier ?? {};
  const carried = silentMs + Math.min(Math.max(0, tryAtMs - atMs), MOST_BETWEEN_TRIES_MS);
  let answeredAt: number | undefined;
  return {
    answered() {
      answeredAt = steady();
    },
    silentMs: () =>
      answeredAt === undefined ? carried + steady() - startedAt : steady() - answeredAt,
    nowMs: () => tryAtMs + steady() - startedAt,
  };
}
