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

/** npm passes on a Ctrl-C that the terminal has already sent to everybody: signals this close are one. */
const SAME_SIGNAL_MS = 500;

/**
 * Resolves with the name of the first SIGINT, SIGTERM or SIGHUP (or when the parent's IPC channel closes).
 * A second signal ends the process at once with exit code 1.
 */
export function untilSignal(logger: Logger): Promise<string> {
  return new Promise((resolve) => {
    let firstAtMs: number | undefined;
    const onSignal = (signal: string): void => {
      if (firstAtMs === undefined) {
        firstAtMs = Date.now();
        // A launcher says so itself, once for all its children.
        logger[process.send ? 'debug' : 'info'](
          { signal },
          'draining; a second signal stops at once',
        );
        resolve(signal);
      } else if (Date.now() - firstAtMs > SAME_SIGNAL_MS) {
        logger.warn({ signal }, 'second signal: stopping without draining');
        process.exit(1);
      }
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
    process.on('SIGHUP', onSignal);
    const onParentGone = (): void => {
      if (firstAtMs === undefined) onSignal('parent gone');
    };
    process.once('disconnect', onParentGone);
    // It may have died while we were loading.
    if (process.connected === false) onParentGone();
  });
}

/** A last answer or line on its way gets this long. */
const END_WITHIN_MS = 500;

/**
 * For when everything is done and released: the process ends within half a second, with the exit code that is set. It may
 * be held by what a library tries on its own, such as a database connection that is made anew after its pool was closed.
 */
export function endSoon(): void {
  setTimeout(() => process.exit(), END_WITHIN_MS).unref();
}
