import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Dependencies, linkDependencies, type LinkedEntry } from './dependencies.ts';

const ID = '37d9d863-7928-41c1-bc83-626c00995137';

/** Entries of a request, by name. */
const link = (entries: Readonly<Record<string, LinkedEntry['dependencies']>>) =>
  linkDependencies(
    Object.entries(entries).map(([name, dependencies], index) => ({
      path: ['jobs', index],
      name,
      dependencies,
    })),
  );
const messagesOf = ({ faults }: ReturnType<typeof link>): string[] =>
  faults.map(({ path, message }) => `${path}: ${message}`);

describe('dependencies', () => {
  it('name other jobs of the request, whatever their order, or jobs by id', () => {
    const { needs, faults } = link({ a: ['b', 'c', 'b'], b: [ID.toUpperCase()], c: {}, d: null });
    expect(faults).toEqual([]);
    expect(needs.map(({ entries }) => entries)).toEqual([[1, 2], [], [], []]);
    expect(needs[1]?.jobs).toEqual([{ id: ID, path: 'jobs[1].dependencies[0]' }]);
  });

  it('may be a name that looks like an id', () => {
    expect(link({ [ID]: [], b: [ID] }).needs[1]).toEqual({ entries: [0], jobs: [] });
  });

  it.each([
    ['a name that nobody has', { a: ['x'] }, 'jobs[0].dependencies[0]: expected the name of a job'],
    ['a name in another casing', { a: [], b: ['A'] }, 'jobs[1].dependencies[0]: expected the name'],
    [
      'itself',
      { a: [], b: ['b'] },
      'jobs[1].dependencies: the jobs wait for each other: "b" → "b"',
    ],
    ['each other', { a: ['b'], b: ['a'] }, 'wait for each other: "a" → "b" → "a"'],
    [
      'a circle behind others',
      { x: ['a'], a: ['b'], b: ['c'], c: ['a'] },
      'jobs[1].dependencies: the jobs wait for each other: "a" → "b" → "c" → "a"',
    ],
  ])('are refused for %s', (_name, entries, message) => {
    expect(messagesOf(link(entries)).join()).toContain(message);
  });

  it('are refused for a name that two jobs have, but only if somebody asks for it', () => {
    const twins = (dependencies: string[]) =>
      linkDependencies([
        { path: ['jobs', 0], name: 'a', dependencies: [] },
        { path: ['jobs', 1], name: 'a', dependencies: [] },
        { path: ['jobs', 2], name: 'b', dependencies },
      ]).faults;
    expect(twins([])).toEqual([]);
    expect(twins(['a'])).toMatchObject([{ path: 'jobs[2].dependencies[0]' }]);
  });

  it('are refused exactly when the jobs wait in a circle, for any graph', () => {
    const graph = fc.integer({ min: 1, max: 12 }).chain((size) =>
      fc.array(fc.array(fc.nat(size - 1), { maxLength: 3 }), {
        minLength: size,
        maxLength: size,
      }),
    );
    fc.assert(
      fc.property(graph, (edges) => {
        const reach = edges.map((to) => new Set(to));
        for (let k = 0; k < edges.length; k += 1)
          for (const from of reach)
            if (from.has(k)) for (const next of reach[k] ?? []) from.add(next);
        const hasCircle = reach.some((to, index) => to.has(index));
        const entries = edges.map((to, index) => [`n${index}`, to.map((n) => `n${n}`)] as const);
        expect(link(Object.fromEntries(entries)).faults.length > 0).toBe(hasCircle);
      }),
    );
  });

  it('of 1,000 jobs in one chain are fine, and closed to a ring they are not', () => {
    const chain = Array.from({ length: 1_000 }, (_, n) => [`n${n}`, n > 0 ? [`n${n - 1}`] : []]);
    expect(link(Object.fromEntries(chain)).faults).toEqual([]);
    const ring = Object.fromEntries([...chain, ['n0', ['n999']]]);
    expect(messagesOf(link(ring)).join().length).toBeLessThan(300);
  });

  it.each([
    ...['a', 7, true, [7], [null], [''], [[]], [{}], ['x'.repeat(201)], { a: 'b' }],
    [Array.from({ length: 101 }, (_, n) => `n${n}`)],
  ])('are refused as %j', (value) => {
    expect(Dependencies.safeParse(value).success).toBe(false);
  });
});
