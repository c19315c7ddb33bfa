import { readdir, rmdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../errors.ts';
import type { Logger } from '../../ports.ts';

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';

/** Deletes files older than `before` (ms since the epoch) and the folders that emptied. Returns how many files. */
const sweepFolder = async (folder: string, before: number, top = true): Promise<number> => {
  let deleted = 0;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      deleted += await sweepFolder(path, before, false);
      continue;
    }
    if ((await stat(path)).mtimeMs >= before) continue;
    await unlink(path);
    deleted += 1;
  }
  if (!top && deleted > 0 && (await readdir(folder)).length === 0) await rmdir(folder);
  return deleted;
};

export interface SweepOptions {
  readonly folders: readonly string[];
  readonly retentionMs: number;
  readonly logger: Logger | undefined;
}

/** Gives a function that deletes once what is past its age. Never throws: what failed is logged and tried next time. */
export const createOutputSweep =
  (options: SweepOptions): (() => Promise<void>) =>
  async () => {
    for (const folder of options.folders) {
      try {
        const deleted = await sweepFolder(folder, Date.now() - options.retentionMs);
        if (deleted > 0) options.logger?.info({ folder, deleted }, 'simulator files expired');
      } catch (error) {
        // A file or folder that went away meanwhile is what was wanted anyway.
        if (!isMissing(error)) {
          options.logger?.warn(
            { folder, error: messageOf(error) },
            'simulator sweep failed; next try follows',
          );
        }
      }
    }
  };

/** Sweeps the folders now and then; `stop` ends it and waits for a sweep under way. */
export const startOutputSweeper = (options: SweepOptions): { stop(): Promise<void> } => {
  const sweep = createOutputSweep(options);
  let sweeping = Promise.resolve();
  const timer = setInterval(
    () => {
      sweeping = sweeping.then(sweep);
    },
    Math.min(60_000, Math.max(50, options.retentionMs / 4)),
  );
  timer.unref();
  return {
    stop: async () => {
      clearInterval(timer);
      await sweeping;
    },
  };
};
