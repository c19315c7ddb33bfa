import { readdir, stat } from 'node:fs/promises';

export interface SavedNumbers {
  /** The highest number of files called `<name>_<number>_…` in the folder; 0 when there are none. */
  highest(folder: string, name: string): Promise<number>;
  /** This process wrote such a file. */
  wrote(folder: string, name: string, number: number): Promise<void>;
}

/** Beyond this many names a folder is read anew each time, so that memory stays bounded. */
const MOST_NAMES = 50_000;

const mtimeOf = async (folder: string): Promise<bigint> =>
  (await stat(folder, { bigint: true })).mtimeNs;

/** Every `<name>` of a file called `<name>_<digits>_…`, with its number; there may be several. */
const namesIn = (file: string): [string, number][] =>
  [...file.matchAll(/_(?=(\d+)(?:_|$))/g)].map((match) => [
    file.slice(0, match.index),
    Number(match[1]),
  ]);

/**
 * The numbers in the folder last saved to. A folder of thousands of pictures is not read again for each picture, as long as
 * its time of change is the one this process left behind.
 */
export const createSavedNumbers = (): SavedNumbers => {
  let known: { folder: string; mtime: bigint; highest: Map<string, number> } | undefined;

  const note = (highest: Map<string, number>, name: string, number: number): void => {
    highest.set(name, Math.max(number, highest.get(name) ?? 0));
  };
  const read = async (folder: string): Promise<Map<string, number>> => {
    const mtime = await mtimeOf(folder);
    if (known?.folder === folder && known.mtime === mtime) return known.highest;
    const highest = new Map<string, number>();
    for (const file of await readdir(folder)) {
      for (const [name, number] of namesIn(file)) note(highest, name, number);
    }
    known = highest.size > MOST_NAMES ? undefined : { folder, mtime, highest };
    return highest;
  };

  return {
    highest: async (folder, name) => (await read(folder)).get(name) ?? 0,
    wrote: async (folder, name, number) => {
      if (known?.folder !== folder) return;
      if (known.highest.size >= MOST_NAMES) known = undefined;
      else {
        note(known.highest, name, number);
        known.mtime = await mtimeOf(folder);
      }
    },
  };
};
