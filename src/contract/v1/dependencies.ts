/** `dependencies`: jobs that must have succeeded before a job starts, by name within a request or by id. */
import { z } from '@hono/zod-openapi';
import type { FieldError } from '../../errors.ts';
import { formatPath, shown } from '../field-errors.ts';

const MOST = 100;

/** Names of jobs of the same request, or ids of jobs; an empty object is how live answers write an empty list. */
export const Dependencies = z
  .union(
    [
      z.array(z.string().min(1).max(200)).max(MOST),
      z.record(z.string(), z.unknown()).refine((value) => Object.keys(value).length === 0),
    ],
    { error: () => `expected a list of at most ${MOST} names or job ids` },
  )
  .openapi({
    type: 'array',
    items: { type: 'string' },
    maxItems: MOST,
    description:
      'The job starts when these have succeeded, and fails when one of them does not: the `name` of another job of this request (all of its jobs, when it has a quantity), or the id of a job',
    example: ['background'],
  });

/** One entry of a request, as far as dependencies go. */
export interface LinkedEntry {
  readonly path: readonly (string | number)[];
  readonly name?: string | null | undefined;
  readonly dependencies?: z.infer<typeof Dependencies> | null | undefined;
}

/** What an entry waits for. */
export interface EntryNeeds {
  /** Other entries of the request. */
  readonly entries: readonly number[];
  /** Jobs of earlier requests, and where each was asked for. */
  readonly jobs: readonly { readonly id: string; readonly path: string }[];
}

/** Finds what each entry names, and every name that leads nowhere, to several entries, or in a circle. */
export function linkDependencies(entries: readonly LinkedEntry[]): {
  readonly needs: readonly EntryNeeds[];
  readonly faults: readonly FieldError[];
} {
  const faults: FieldError[] = [];
  const byName = new Map<string, number[]>();
  for (const [index, { name }] of entries.entries())
    if (typeof name === 'string') byName.set(name, [...(byName.get(name) ?? []), index]);

  const needs = entries.map(({ path, dependencies }): EntryNeeds => {
    const found = { entries: new Set<number>(), jobs: new Map<string, string>() };
    const asked = Array.isArray(dependencies) ? dependencies : [];
    for (const [index, text] of asked.entries()) {
      const place = formatPath([...path, 'dependencies', index]);
      const [entry, another] = byName.get(text) ?? [];
      if (another !== undefined)
        faults.push({
          path: place,
          message: `several jobs of this request are named ${shown(text)}`,
        });
      else if (entry !== undefined) found.entries.add(entry);
      else if (z.guid().safeParse(text).success) found.jobs.set(text.toLowerCase(), place);
      else
        faults.push({
          path: place,
          message: `expected the name of a job of this request or a job id; seen ${shown(text)}`,
        });
    }
    return {
      entries: [...found.entries],
      jobs: [...found.jobs].map(([id, place]) => ({ id, path: place })),
    };
  });

  const circle = findCircle(needs);
  if (circle) {
    const path = formatPath([...(entries[circle[0] ?? 0]?.path ?? []), 'dependencies']);
    const names = [...circle, circle[0] ?? 0].map((index) => shown(entries[index]?.name));
    faults.push({ path, message: `the jobs wait for each other: ${inShort(names).join(' → ')}` });
  }
  return { needs, faults };
}

/** Entries that wait for each other, each for the next; undefined when there are none. */
function findCircle(needs: readonly EntryNeeds[]): number[] | undefined {
  const open = needs.map(({ entries }) => entries.length);
  const dependents = needs.map((): number[] => []);
  for (const [index, { entries }] of needs.entries())
    for (const entry of entries) dependents[entry]?.push(index);
  const left = new Set(needs.keys());
  const free = open.flatMap((count, index) => (count === 0 ? [index] : []));
  for (let entry = free.pop(); entry !== undefined; entry = free.pop()) {
    left.delete(entry);
    for (const next of dependents[entry] ?? []) {
      const count = (open[next] ?? 0) - 1;
      open[next] = count;
      if (count === 0) free.push(next);
    }
  }
  const [first] = left;
  if (first === undefined) return undefined;
  // Whoever is left waits for another one that is left: following these leads into a circle.
  const walked: number[] = [];
  for (let at: number | undefined = first; at !== undefined;) {
    const start = walked.indexOf(at);
    if (start !== -1) return walked.slice(start);
    walked.push(at);
    at = needs[at]?.entries.find((entry) => left.has(entry));
  }
  return undefined;
}

const inShort = (names: readonly string[]): readonly string[] =>
  names.length <= 10 ? names : [...names.slice(0, 8), '…', ...names.slice(-1)];
