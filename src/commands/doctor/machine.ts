/** Node and the folder of the blobs. */
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { blobDir } from '../../compose.ts';
import type { Config } from '../../config.ts';
import { messageOf } from '../../errors.ts';
import { Unwell, finding, type Finding } from './finding.ts';

const OLDEST_NODE = [20, 19] as const;
const MIB = 1_048_576;

/** Whether this Node is new enough. `version` is for tests. */
export const checkNode = (version: string = process.versions.node): Promise<Finding> =>
  finding('Node', 'Install Node 20.19 or newer (22 and 24 work too).', async () => {
    const [major = 0, minor = 0] = version.split('.').map(Number);
    const fits = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
    if (!fits) throw new Error(`${version} is too old`);
    return version;
  });

/** Whether pictures can be stored, and how many more. */
export const checkStorage = (
  config: Pick<Config, 'BLOB_DIR' | 'DATA_DIR' | 'MIN_FREE_BYTES'>,
): Promise<Finding> => {
  const folder = blobDir(config);
  const variable = config.BLOB_DIR === undefined ? 'DATA_DIR' : 'BLOB_DIR';
  return finding('Storage', 'Free some space, or set BLOB_DIR to another disk.', async () => {
    await tryToWrite(folder, variable);
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    const words = `${Math.floor(free / MIB)} MiB free in ${folder}`;
    if (free >= config.MIN_FREE_BYTES) return words;
    throw new Unwell(
      `${words}, less than MIN_FREE_BYTES (${Math.floor(config.MIN_FREE_BYTES / MIB)} MiB): no jobs are accepted`,
      'Free some space, set BLOB_DIR to another disk, or lower MIN_FREE_BYTES.',
    );
  });
};

async function tryToWrite(folder: string, variable: string): Promise<void> {
  const probe = join(folder, '.doctor');
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(probe, 'x');
    await rm(probe);
  } catch (error) {
    throw new Unwell(
      `${folder} cannot be written: ${messageOf(error)}`,
      `Give this user the right to write there, or set ${variable} to a folder that can be written.`,
    );
  }
}
