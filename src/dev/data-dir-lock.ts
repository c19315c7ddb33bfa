import { join } from 'node:path';
import { OrchestratorError } from '../errors.ts';
import { tryLock } from './file-lock.ts';
import type { HeldLock } from './file-lock.ts';
import { commandLineOf } from './process-identity.ts';

/**
 * Keeps a second launcher off the same DATA_DIR; the lock of a launcher that was killed is taken over. Everything that
 * stops orphans must run under it. Throws `configuration` naming the holder.
 */
export const lockDataDir = async (dataDir: string): Promise<HeldLock> => {
  const attempt = await tryLock(join(dataDir, 'launcher.lock'));
  if (attempt.held) return attempt.lock;
  const { pid } = attempt.holder;
  const command = commandLineOf(pid);
  throw new OrchestratorError(
    'configuration',
    `DATA_DIR ${dataDir} is in use by process ${pid}${command === undefined ? '' : ` (${command.slice(0, 120)})`}. ` +
      `Stop that stack first, or give this one a folder of its own: DATA_DIR=${dataDir}-2`,
  );
};
