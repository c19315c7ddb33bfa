/** Which catalogue entries an AIR may mean. Pure. */
import { compressAir, formatAir, parseAir, type Air } from './air.ts';

/** `128713.safetensors`: clients write the format behind the version, and the grammar gives the dot to the version. */
const VERSION_WITH_FORMAT = /^(\d+)\.[A-Za-z0-9_-]+$/;

const plainVersion = (version: string | undefined): string | undefined =>
  VERSION_WITH_FORMAT.exec(version ?? '')?.[1] ?? version;

/** Short forms under which the entries that an AIR may mean are kept; none for an AIR without a version. */
export const shortForms = (air: Air): readonly string[] => {
  if (air.version === undefined) return [];
  const plain = plainVersion(air.version);
  const forms = [compressAir(air), ...(plain ? [compressAir({ ...air, version: plain })] : [])];
  return [...new Set(forms)];
};

/** How far an AIR may differ from the entry that it means. */
export type MatchRule = 'lenient' | 'strict';

type Entry = { readonly air: string };

/**
 * The entries that may be meant: one when the AIR says enough, several when it is ambiguous, none when nothing fits.
 * `strict`: every part that is given must be the entry's. Otherwise ecosystem and type only decide between several files
 * of the same version, because clients guess these two. An AIR without a file id means the entry without one, or all.
 */
export function matchingResources<T extends Entry>(
  wanted: Air,
  entries: readonly T[],
  rule: MatchRule,
): readonly T[] {
  const text = formatAir(wanted);
  const exact = entries.find(({ air }) => air === text);
  if (exact) return [exact];
  const known = entries.map((entry) => ({ entry, air: parseAir(entry.air) }));
  const files = sameFile(
    wanted,
    known.filter(({ air }) => isSameVersion(wanted, air)),
  );
  const agreeing = files.filter(
    ({ air }) => fits(wanted.ecosystem, air.ecosystem) && fits(wanted.type, air.type),
  );
  const found = agreeing.length > 0 || rule === 'strict' ? agreeing : files;
  return found.map(({ entry }) => entry);
}

/** Those of which exactly one entry may be meant. */
export const unambiguous = <T>(matches: ReadonlyMap<string, readonly T[]>): Map<string, T> =>
  new Map(
    [...matches].flatMap(([id, [first, ...others]]) =>
      first !== undefined && others.length === 0 ? [[id, first] as const] : [],
    ),
  );

// The short form has no id; there source and version have to do.
const isSameVersion = (wanted: Air, known: Air): boolean =>
  wanted.source === known.source &&
  wanted.version !== undefined &&
  (wanted.version === known.version || plainVersion(wanted.version) === known.version) &&
  fits(wanted.id, known.id);

function sameFile<T extends { readonly air: Air }>(wanted: Air, known: readonly T[]): readonly T[] {
  const named = known.filter(({ air }) => air.fileId === wanted.fileId);
  if (named.length > 0) return named;
  return wanted.fileId === undefined ? known : known.filter(({ air }) => air.fileId === undefined);
}

const fits = (wanted: string | undefined, known: string | undefined): boolean =>
  wanted === undefined || wanted === known;
