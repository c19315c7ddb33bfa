import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, normalize, resolve, sep } from 'node:path';
import { NodeError } from './node-context.ts';
import type { SavedNumbers } from './saved-numbers.ts';

export interface SavePath {
  readonly folder: string;
  readonly subfolder: string;
  readonly name: string;
  /** First free number. */
  readonly counter: number;
  /** File `index` of the save is there. */
  wrote(index: number): Promise<void>;
}

const two = (value: number): string => String(value).padStart(2, '0');

const fillIn = (prefix: string, width: number, height: number, now: Date): string =>
  prefix
    .replaceAll('%width%', String(width))
    .replaceAll('%height%', String(height))
    .replaceAll('%year%', String(now.getFullYear()))
    .replaceAll('%month%', two(now.getMonth() + 1))
    .replaceAll('%day%', two(now.getDate()))
    .replaceAll('%hour%', two(now.getHours()))
    .replaceAll('%minute%', two(now.getMinutes()))
    .replaceAll('%second%', two(now.getSeconds()));

/** Where `prefix` saves inside `root`: one above the highest number present. Throws `NodeError` when it leaves the root. */
export const findSavePath = async (
  numbers: SavedNumbers,
  root: string,
  prefix: string,
  width: number,
  height: number,
): Promise<SavePath> => {
  const filled = normalize(fillIn(prefix, width, height, new Date()));
  const subfolder = dirname(filled) === '.' ? '' : dirname(filled);
  const folder = resolve(root, subfolder);
  if (folder !== root && !folder.startsWith(root + sep)) {
    throw new NodeError(
      'Exception',
      `**** ERROR: Saving image outside the output folder is not allowed.\n full_output_folder: ${folder}\n         output_dir: ${root}`,
    );
  }
  await mkdir(folder, { recursive: true });
  const name = basename(filled);
  const counter = (await numbers.highest(folder, name)) + 1;
  const wrote = (index: number): Promise<void> => numbers.wrote(folder, name, counter + index);
  return { folder, subfolder, name, counter, wrote };
};

/** The full path of file `index` of a save. */
const numberedFile = (
  path: SavePath,
  index: number,
  extension = 'png',
): { file: string; full: string } => {
  const name = path.name.replaceAll('%batch_num%', String(index));
  const file = `${name}_${String(path.counter + index).padStart(5, '0')}_.${extension}`;
  return { file, full: join(path.folder, file) };
};

/** Writes a file of a save. The sweeper may have removed the folder since it was made: then it is made again. */
export const writeInto = async (
  path: SavePath,
  index: number,
  bytes: Uint8Array,
  extension = 'png',
): Promise<string> => {
  const { file, full } = numberedFile(path, index, extension);
  try {
    await writeFile(full, bytes);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    await mkdir(path.folder, { recursive: true });
    await writeFile(full, bytes);
  }
  await path.wrote(index);
  return file;
};

/** Saves a single file under `prefix`; the result names it as `/view` wants it. */
export const saveFile = async (file: {
  readonly numbers: SavedNumbers;
  readonly root: string;
  readonly prefix: string;
  readonly width: number;
  readonly height: number;
  readonly extension: string;
  readonly bytes: Uint8Array;
}): Promise<{ filename: string; subfolder: string }> => {
  const path = await findSavePath(file.numbers, file.root, file.prefix, file.width, file.height);
  const filename = await writeInto(path, 0, file.bytes, file.extension);
  return { filename, subfolder: path.subfolder };
};
