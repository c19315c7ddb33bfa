import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import { splitAnnotation } from '../nodes/input-files.ts';
import type { FileType } from '../nodes/node-context.ts';
import { empty, type SimResponse } from './exchange.ts';

const TYPES: readonly unknown[] = ['output', 'input', 'temp'];

export const isFileType = (value: unknown): value is FileType => TYPES.includes(value);

/** True when `path` is `root` or lies below it. */
export const inside = (root: string, path: string): boolean =>
  path === root || path.startsWith(root + sep);

/**
 * Folder and name of a file as /view and /upload/mask name it, with the type in the name (`a.png [input]`) or beside it;
 * an answer instead refuses it.
 */
export const locate = (
  directory: (type: FileType) => string,
  annotated: string,
  beside: { readonly type: unknown; readonly subfolder: string },
): { readonly folder: string; readonly name: string } | SimResponse => {
  const { name, type } = splitAnnotation(annotated);
  if (name === '' || name.startsWith('/') || name.includes('..')) return empty(400);
  const wanted = type ?? beside.type ?? 'output';
  if (!isFileType(wanted)) return empty(400);
  const root = directory(wanted);
  const folder = resolve(root, beside.subfolder);
  return inside(root, folder) ? { folder, name } : empty(403);
};

/** What lies there, if it is a file. */
export const statFile = async (path: string): Promise<Stats | undefined> => {
  try {
    const found = await stat(path);
    return found.isFile() ? found : undefined;
  } catch {
    return undefined;
  }
};
