/** Mutants of the skeletons themselves: a hole that somebody fills with a constant. */
import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { Graph } from '../domain/graphs/graph.ts';
import { fillSkeleton } from './skeleton.ts';

const folder = new URL('skeletons/', import.meta.url);
const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.json'));
const skeletons = await Promise.all(
  names.sort().map(async (name) => [name, await readFile(new URL(name, folder), 'utf8')] as const),
);

const holesOf = (text: string): string[] =>
  [...text.matchAll(/"\{\{(\w+)\}\}"/g)].map(([, hole = '']) => hole);

describe.each(skeletons)('%s', (_name, text) => {
  const holes = [...new Set(holesOf(text))];
  const values = Object.fromEntries(holes.map((hole) => [hole, 1]));

  it('has holes, all of them filled', () => {
    expect(holes).not.toEqual([]);
    expect(JSON.stringify(fillSkeleton(JSON.parse(text) as Graph, values))).not.toContain('{{');
  });

  it.each(holes)('is refused with a constant in place of %s', (hole) => {
    const mutant = JSON.parse(text.replaceAll(`"{{${hole}}}"`, '1')) as Graph;
    expect(() => fillSkeleton(mutant, values)).toThrow(`No input waits for {{${hole}}}`);
  });
});
