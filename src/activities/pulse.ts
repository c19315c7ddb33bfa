import { OrchestratorError } from '../errors.ts';

/** Well below the heartbeat timeout of 10 s, and quick enough to notice a cancel or a terminated run. */
const BEAT_EVERY_MS = 1_000;
/** Below the heartbeat timeout: after a longer stop another worker may have been given the activity. */
const LONGEST_STOP_MS = 8_000;

export interface Pulse {
  /** Throws `server_unreachable` (retryable) when this process stood still so long that the try may be another's by now. */
  assertSteady(): void;
  stop(): void;
}

/** Beats every second and notices when the process was stopped in between (SIGSTOP, a machine that slept). */
export function startPulse(
  beat: () => void,
  steady: () => number = () => performance.now(),
): Pulse {
  let last = steady();
  let longest = 0;
  const look = (): void => {
    const now = steady();
    longest = Math.max(longest, now - last);
    last = now;
  };
  beat();
  const timer = setInterval(() => {
    look();
    beat();
  }, BEAT_EVERY_MS);
  return {
    assertSteady() {
      look();
      if (longest < LONGEST_STOP_MS) return;
      throw new OrchestratorError(
        'server_unreachable',
        `This worker stood still for ${Math.round(longest / 1_000)} s and may have been taken for dead; it is tried again.`,
        { retryable: true },
      );
    },
    stop: () => clearInterval(timer),
  };
}
