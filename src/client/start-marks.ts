import type { Outbox } from '../db/outbox.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../ports.ts';

/** Long enough for the claim of a job that finds a server at once; shorter than the starter leaves the row alone. */
const MARK_AFTER_MS = 300;

export interface StartMarks {
  /** Temporal acknowledged the start of this job. */
  note(jobId: string): void;
  /** Writes what was noted. */
  flush(): Promise<void>;
}

/**
 * Marks rows as started, a little later and together: the claim of a run does it as well, and then there is nothing left to
 * write. What a crash loses of it the starter does again, and finds the run that is there.
 */
export function createStartMarks(outbox: Pick<Outbox, 'markStarted'>, logger: Logger): StartMarks {
  let noted: string[] = [];
  let timer: NodeJS.Timeout | undefined;

  const flush = async (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    const ids = noted;
    noted = [];
    if (ids.length === 0) return;
    try {
      await outbox.markStarted(ids);
    } catch (error) {
      logger.warn(
        { jobs: ids.length, error: messageOf(error) },
        'started, but the rows do not say so yet; the starter goes on',
      );
    }
  };

  return {
    note(jobId) {
      noted.push(jobId);
      timer ??= setTimeout(() => void flush(), MARK_AFTER_MS);
    },
    flush,
  };
}
