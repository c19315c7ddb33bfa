/** Which catalogue entry an AIR means. Pure. */
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

type Entry = { readonly air: string };

/**
 * The one entry that is meant. `strict`: every part that is given must be the entry's. Otherwise ecosystem and type
 * only decide between several files of the same version, because clients guess these two. An AIR without a file id
 * means the entry without one, or the only one; undefined when none or several are left.
 */
export function matchResource<T extends Entry>(
  wanted: Air,
  entries: readonly T[],
  rule: 'lenient' | 'strict',
): T | undefined {
  const text = formatAir(wanted);
  const exact = entries.find(({ air }) => air === text);
  if (exact) return exact;
  const known = entries.map((entry) => ({ entry, air: parseAir(entry.air) }));
  const files = sameFile(
    wanted,
    known.filter(({ air }) => isSameVersion(wanted, air)),
  );
  const agreeing = files.filter(
    ({ air }) => fits(wanted.ecosystem, air.ecosystem) && fits(wanted.type, air.type),
  );
  const found = onlyOne(agreeing) ?? (rule === 'lenient' ? onlyOne(files) : undefined);
  return found?.entry;
}

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

const onlyOne = <T>(items: readonly T[]): T | undefined =>
  items.length === 1 ? items[0] : undefined;
