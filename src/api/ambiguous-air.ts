import { shown } from '../contract/field-errors.ts';

const MOST_NAMED = 5;

/** Says what an AIR may mean that means several entries, and what to write instead. */
export function ambiguousAir(asked: string, matches: readonly { readonly air: string }[]): string {
  const named = matches.slice(0, MOST_NAMED).map(({ air }) => air);
  const more = matches.length - named.length;
  const all = more > 0 ? `${named.join(', ')} and ${more} more` : named.join(', ');
  return `resource ${shown(asked)} is ambiguous: ${matches.length} entries of the catalogue fit it; write one of them in full: ${all}`;
}
