/** Look-up tables over one list of model file names, built once and only when asked. Pure. */

const EXTENSION = /\.(?:safetensors|sft|ckpt|pt|pth|bin|gguf)$/i;

/**
 * One spelling of a name: forward slashes (servers on Windows list `sub\name`), composed characters (macOS lists é as
 * e and an accent) in lower case.
 */
export const normalName = (name: string): string =>
  name.replaceAll('\\', '/').toLowerCase().normalize('NFC');

export const basenameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** A name without its model file extension. */
export const stemOf = (name: string): string => name.replace(EXTENSION, '');

/** Every answer is in sorted order and holds names exactly as listed; keys are normal names. */
export interface FileIndex {
  /** Exactly this name is listed. */
  has(name: string): boolean;
  byPath(path: string): readonly string[];
  byStem(stem: string): readonly string[];
  byBase(base: string): readonly string[];
  byBaseStem(stem: string): readonly string[];
  /** Names whose base name holds this number as a word of its own. */
  byNumber(number: string): readonly string[];
}

type Table = Map<string, string[]>;

const tableOf = (names: readonly string[], keysOf: (name: string) => readonly string[]): Table => {
  const table: Table = new Map();
  for (const name of names) {
    for (const key of new Set(keysOf(name))) {
      const held = table.get(key);
      if (held === undefined) table.set(key, [name]);
      else held.push(name);
    }
  }
  return table;
};

const NUMBER_WORDS = /(?<![\p{L}\p{N}])\d+(?![\p{L}\p{N}])/gu;

const lazily = <T>(make: () => T): (() => T) => {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
};

/** Index of one list; its cost is paid at the first question of each sort. */
export const createFileIndex = (list: readonly string[]): FileIndex => {
  const exact = lazily(() => new Set(list));
  const sorted = lazily(() => [...new Set(list)].sort());
  const table = (keysOf: (name: string) => readonly string[]) => {
    const built = lazily(() => tableOf(sorted(), keysOf));
    return (key: string): readonly string[] => built().get(key) ?? [];
  };
  return {
    has: (name) => exact().has(name),
    byPath: table((name) => [normalName(name)]),
    byStem: table((name) => [stemOf(normalName(name))]),
    byBase: table((name) => [basenameOf(normalName(name))]),
    byBaseStem: table((name) => [stemOf(basenameOf(normalName(name)))]),
    byNumber: table((name) => basenameOf(normalName(name)).match(NUMBER_WORDS) ?? []),
  };
};

// Keyed by the list itself, so an index lives as long as its list and is never stale: lists are not written to.
const indexes = new WeakMap<readonly string[], FileIndex>();

/** The one index of a list object. */
export const fileIndexOf = (list: readonly string[]): FileIndex => {
  const known = indexes.get(list);
  if (known !== undefined) return known;
  const index = createFileIndex(list);
  indexes.set(list, index);
  return index;
};
