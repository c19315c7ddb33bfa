import { between, pick, type Random } from './random.ts';

const LANDSCAPES = ['hills', 'mountains', 'sea', 'dunes', 'forest', 'city'] as const;
export type Landscape = (typeof LANDSCAPES)[number];

const WORDS: readonly (readonly [RegExp, Landscape])[] = [
  [/\b(city|street|tower|skyline|building|cyberpunk|neon|castle)/i, 'city'],
  [/\b(sea|ocean|beach|wave|lake|river|island|ship|boat|lighthouse)/i, 'sea'],
  [/\b(mountain|peak|alps|cliff|glacier|snow)/i, 'mountains'],
  [/\b(forest|jungle|tree|woods|cabin)/i, 'forest'],
  [/\b(desert|dune|sand|canyon|mars)/i, 'dunes'],
];

/** The landscape a prompt asks for, or any. */
export const chooseLandscape = (prompt: string, random: Random): Landscape => {
  const match = WORDS.find(([words]) => words.test(prompt));
  return match?.[1] ?? pick(random, LANDSCAPES);
};

/** Height of a ridge above its base, -1..1, at a place measured in picture heights. */
type Profile = (x: number) => number;

const waves = (random: Random, counts: readonly number[]): Profile => {
  const parts = counts.map((count, index) => ({
    rate: count * between(random, 0.75, 1.3) * Math.PI * 2,
    phase: random() * Math.PI * 2,
    size: 1 / (index + 1.4),
  }));
  const total = parts.reduce((sum, { size }) => sum + size, 0);
  return (x) =>
    parts.reduce((sum, { rate, phase, size }) => sum + Math.sin(x * rate + phase) * size, 0) /
    total;
};

/** Folded noise: sharp crests, as rock has. */
const rock = (random: Random): Profile => {
  const octaves = [1.1, 2.3, 4.7, 9.6, 19.5].map((rate, index) => ({
    rate: rate * between(random, 0.85, 1.15),
    phase: random() * 50,
    size: 0.56 ** index,
  }));
  return (x) => {
    let sum = 0;
    for (const { rate, phase, size } of octaves) {
      const at = x * rate + phase;
      const fold = Math.abs((at % 2) - 1);
      sum += (fold * 2 - 1) * size;
    }
    return sum / 2.1;
  };
};

/** Dunes: long slopes to the wind, short ones behind it. */
const dune = (random: Random): Profile => {
  const rate = between(random, 0.5, 1.1);
  const phase = random();
  const sway = waves(random, [0.6, 1.3]);
  return (x) => {
    const at = (x * rate + phase + sway(x) * 0.25) % 1;
    const slope = at < 0.72 ? at / 0.72 : (1 - at) / 0.28;
    return slope * slope * (3 - 2 * slope) * 1.4 - 0.7;
  };
};

const trees = (random: Random, depth: number): Profile => {
  const ground = waves(random, [0.5, 1.1]);
  const spacing = between(random, 0.022, 0.03) * (0.6 + depth);
  const sizes = Array.from({ length: 64 }, () => between(random, 0.35, 1));
  const shift = random() * 10;
  return (x) => {
    const at = x / spacing + shift;
    const tree = Math.floor(at);
    const size = sizes[tree & 63] ?? 0.5;
    const offset = Math.abs(at - tree - 0.5) * 2;
    // Steps make branches.
    const taper = Math.max(0, 1 - offset) * size;
    return ground(x) * 0.5 + taper * 0.75 + (((taper * 9) % 1) * 0.05 - 0.02);
  };
};

const houses = (random: Random, depth: number): Profile => {
  const edges: number[] = [];
  const tops: number[] = [];
  for (let x = -0.1; x < 4; x += between(random, 0.03, 0.09) * (0.6 + depth)) {
    edges.push(x);
    tops.push(random() < 0.15 ? between(random, 0.5, 1.2) : between(random, -0.5, 0.45));
  }
  let index = 0;
  return (x) => {
    if (x < (edges[index] ?? 0)) index = 0;
    while (index + 1 < edges.length && x >= (edges[index + 1] ?? 0)) index++;
    return tops[index] ?? 0;
  };
};

const profileOf = (landscape: Landscape, random: Random, depth: number): Profile => {
  switch (landscape) {
    case 'hills':
      return waves(random, [0.45, 0.9, 2.1]);
    case 'mountains':
      return depth < 0.75 ? rock(random) : waves(random, [0.5, 1.2, 3]);
    case 'sea':
      return waves(random, [1.1 + (1 - depth) * 3, 2.3 + (1 - depth) * 6]);
    case 'dunes':
      return dune(random);
    case 'forest':
      return depth < 0.3 ? waves(random, [0.4, 1, 2.2]) : trees(random, depth);
    case 'city':
      return depth > 0.9 ? waves(random, [0.4, 0.9]) : houses(random, depth);
  }
};

const SHAPE: Readonly<
  Record<Landscape, { layers: number; top: number; bottom: number; swing: number }>
> = {
  hills: { layers: 5, top: 0.52, bottom: 0.86, swing: 0.085 },
  mountains: { layers: 5, top: 0.46, bottom: 0.86, swing: 0.16 },
  sea: { layers: 7, top: 0.6, bottom: 0.92, swing: 0.012 },
  dunes: { layers: 4, top: 0.56, bottom: 0.84, swing: 0.1 },
  forest: { layers: 5, top: 0.5, bottom: 0.8, swing: 0.11 },
  city: { layers: 4, top: 0.52, bottom: 0.82, swing: 0.15 },
};

/** A silhouette: for each column the row where it starts. `depth` is 0 at the horizon and 1 in front. */
export interface Ridge {
  readonly depth: number;
  readonly tops: Float32Array;
}

/** Ridges from the horizon to the front, each starting no higher than a ridge may. */
export const drawRidges = (
  landscape: Landscape,
  random: Random,
  width: number,
  height: number,
): Ridge[] => {
  const { layers, top, bottom, swing } = SHAPE[landscape];
  const lift = between(random, -0.05, 0.05);
  return Array.from({ length: layers }, (_unused, index) => {
    const depth = index / (layers - 1);
    const profile = profileOf(landscape, random, depth);
    const base = (top + lift) * height + (bottom - top) * height * depth ** 1.25;
    const grown = landscape === 'sea' ? swing * (0.15 + depth * 1.6) : swing * (1 - depth * 0.35);
    const tops = new Float32Array(width);
    for (let x = 0; x < width; x++) tops[x] = base - profile(x / height) * grown * height;
    return { depth, tops };
  });
};
