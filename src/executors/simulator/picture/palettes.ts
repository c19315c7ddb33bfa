import type { Rgb } from './bitmap.ts';
import { pick, type Random } from './random.ts';

/** Colours of one landscape; `sky` runs from the zenith to the horizon. */
export interface Palette {
  readonly sky: readonly [Rgb, Rgb, Rgb];
  readonly light: Rgb;
  readonly far: Rgb;
  readonly near: Rgb;
  readonly stars: boolean;
}

const rgb = (hex: string): Rgb => [
  parseInt(hex.slice(0, 2), 16),
  parseInt(hex.slice(2, 4), 16),
  parseInt(hex.slice(4, 6), 16),
];

const palette = (
  [top, middle, low]: readonly [string, string, string],
  light: string,
  far: string,
  near: string,
  stars = false,
): Palette => ({
  sky: [rgb(top), rgb(middle), rgb(low)],
  light: rgb(light),
  far: rgb(far),
  near: rgb(near),
  stars,
});

const PALETTES = {
  dawn: palette(['3b4a86', 'e08d8a', 'fbd9a5'], 'fff1c9', 'b9889b', '2c2b47'),
  dusk: palette(['29295c', 'a4487c', 'f7a35c'], 'ffd58a', '8c5078', '1f1633'),
  day: palette(['3f86c9', '86bfe6', 'e3f1f4'], 'fffbe0', '8fb4bd', '2f5d4a'),
  night: palette(['0a1230', '1b2a5c', '46548d'], 'eef2ff', '37477f', '090d20', true),
  mist: palette(['6f8d94', 'a9c0bb', 'e4e6d4'], 'fffbe8', '9db5ad', '213c3a'),
  desert: palette(['4f7fae', 'e9b98a', 'f8e1b5'], 'fff4d0', 'dda475', '7a3b2e'),
  arctic: palette(['27496d', '7fb2cf', 'dff0f5'], 'ffffff', 'a9cbdc', '2d4d6c'),
  violet: palette(['241e4e', '6b4c9a', 'e8a0bf'], 'ffe3ee', '7d64a6', '1c1538', true),
  emerald: palette(['0f2f3b', '1f6f6b', 'c7dfa2'], 'f7ffd9', '4e9284', '0c2a2a'),
} as const;

type PaletteName = keyof typeof PALETTES;

/** Words of a prompt that decide the light; the first that matches wins. */
const WORDS: readonly (readonly [RegExp, readonly [PaletteName, ...PaletteName[]]])[] = [
  [/\b(night|midnight|moon|stars?|starry|galaxy|space|neon|cyberpunk)/i, ['night', 'violet']],
  [/\b(sunset|dusk|evening|golden hour)/i, ['dusk', 'dawn']],
  [/\b(dawn|sunrise|morning)/i, ['dawn', 'mist']],
  [/\b(snow|ice|winter|arctic|glacier)/i, ['arctic']],
  [/\b(desert|sand|dunes?|canyon|mars)/i, ['desert', 'dusk']],
  [/\b(forest|jungle|tree|moss|swamp)/i, ['emerald', 'mist']],
  [/\b(fog|mist|rain)/i, ['mist']],
];

const ALL = Object.keys(PALETTES) as [PaletteName, ...PaletteName[]];

/** The palette a prompt asks for, or any. */
export const choosePalette = (prompt: string, random: Random): Palette => {
  const match = WORDS.find(([words]) => words.test(prompt));
  return PALETTES[pick(random, match?.[1] ?? ALL)];
};
