/** A later try has this long to see that the drawing ended while nobody followed it. */
const LOOK_MS = 5_000;

export interface DrawLimit {
  /** Aborts when the drawing has taken too long. */
  readonly signal: AbortSignal;
  /** When the drawing began, by Temporal's clock; undefined before. */
  readonly startedAtMs: number | undefined;
  /** The server works on the prompt; only the first call counts. */
  start(): void;
  stop(): void;
}

/**
 * Bounds a drawing from its beginning, over all tries; what waits behind others on the server has no limit.
 * `earlierMs`: when an earlier try saw it begin. `nowMs`: Temporal's clock.
 */
export function createDrawLimit(
  timeoutMs: number | undefined,
  earlierMs: number | undefined,
  nowMs: () => number,
): DrawLimit {
  const over = new AbortController();
  let startedAtMs: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  const limit: DrawLimit = {
    signal: over.signal,
    get startedAtMs() {
      return startedAtMs;
    },
    start() {
      if (startedAtMs !== undefined) return;
      startedAtMs = earlierMs ?? nowMs();
      if (timeoutMs === undefined) return;
      const leftMs = Math.max(
        timeoutMs - (nowMs() - startedAtMs),
        earlierMs === undefined ? 0 : LOOK_MS,
      );
      timer = setTimeout(() => over.abort(), leftMs);
    },
    stop: () => clearTimeout(timer),
  };
  if (earlierMs !== undefined) limit.start();
  return limit;
}
