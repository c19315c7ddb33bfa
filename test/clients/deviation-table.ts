import { expect } from 'vitest';
import { readPage } from '../support/markdown.ts';

/**
 * The first cells of a table of `docs/compatibility.md`, which is the list of accepted differences: below that heading,
 * each cell a difference in backticks, where `*` stands for anything.
 */
async function acceptedDifferences(heading: string): Promise<string[]> {
  const { text } = await readPage('docs/compatibility.md');
  const section = text.split(/^#+ /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  return [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, cell = '']) => cell);
}

const matches = (pattern: string, difference: string): boolean =>
  new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`).test(
    difference,
  );

/** Fails for each difference that the table does not list, and for each row that nothing differs by any more. */
export async function expectListed(heading: string, found: Iterable<string>): Promise<void> {
  const differences = [...new Set(found)].sort();
  const accepted = await acceptedDifferences(heading);
  const unlisted = differences.filter((one) => !accepted.some((row) => matches(row, one)));
  const outdated = accepted.filter((row) => !differences.some((one) => matches(row, one)));
  expect({ unlisted, outdated }).toEqual({ unlisted: [], outdated: [] });
}
