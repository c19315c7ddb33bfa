import type { Logger } from './ports.ts';
import { messageOf } from './errors.ts';

type Release = () => void | Promise<void>;

/** Acquisitions in order; `release` undoes them in reverse and goes on when one fails. */
export interface Lifecycle {
  /** Registers how to undo an acquisition and returns the acquired thing. */
  add<T>(name: string, thing: T, release: (thing: T) => void | Promise<void>): T;
  release(): Promise<void>;
}

export function createLifecycle(logger: Logger): Lifecycle {
  const releases: { name: string; release: Release }[] = [];
  let released: Promise<void> | undefined;
  const runAll = async (): Promise<void> => {
    for (const { name, release } of releases.splice(0).reverse()) {
      try {
        await release();
        logger.debug({ part: name }, 'released');
      } catch (error) {
        logger.warn({ part: name, error: messageOf(error) }, 'release failed');
      }
    }
  };
  return {
    add(name, thing, release) {
      releases.push({ name, release: () => release(thing) });
      return thing;
    },
    release: () => (released ??= runAll()),
  };
}

/**
 * Resolves with the name of the first SIGINT, SIGTERM or SIGHUP (or when the parent's IPC channel closes).
 * A second signal ends the process at once with exit code 1.
 */
export function untilSignal(logger: Logger): Promise<string> {
  return new Promise((resolve) => {
    let seen = false;
    const onSignal = (signal: string): void => {
      if (seen) {
        logger.warn({ signal }, 'second signal: stopping without draining');
        process.exit(1);
      }
      seen = true;
      logger.info({ signal }, 'draining; a second signal stops at once');
      resolve(signal);
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
    process.on('SIGHUP', onSignal);
    process.once('disconnect', () => {
      if (!seen) onSignal('parent gone');
    });
  });
}
