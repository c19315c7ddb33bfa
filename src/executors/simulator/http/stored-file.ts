import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { sep } from 'node:path';
import type { FileType } from '../nodes/node-context.ts';

const TYPES: readonly unknown[] = ['output', 'input', 'temp'];

export const isFileType = (value: unknown): value is FileType => TYPES.includes(value);

/** True when `path` is `root` or lies below it. */
export const inside = (root: string, path: string): boolean =>
  path === root || path.startsWith(root + sep);

/** What lies there, if it is a file. */
export const statFile = async (path: string): Promise<Stats | undefined> => {
  try {
    const found = await stat(path);
    return found.isFile() ? found : undefined;
  } catch {
    return undefined;
  }
};
