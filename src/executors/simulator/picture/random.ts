/** Numbers in [0, 1) that depend on nothing but the hex digest they start from (mulberry32). */
export type Random = () => number;

export const createRandom = (digest: string, salt = 0): Random => {
  let state = (parseInt(digest.slice(0, 8), 16) ^ Math.imul(salt, 0x9e3779b1)) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
};

export const between = (random: Random, low: number, high: number): number =>
  low + (high - low) * random();

export const pick = <T>(random: Random, items: readonly [T, ...T[]]): T =>
  items[Math.floor(random() * items.length)] ?? items[0];
