import { expect, it } from 'vitest';
import type { JobRow } from '../db/job-row.ts';
import { createJoinedReads } from './joined-reads.ts';

const asked: string[][] = [];
const readJobs = createJoinedReads(async (tenant, ids) => {
  asked.push([tenant, ...ids]);
  if (ids.includes('broken')) throw new Error('the database is away');
  return ids.flatMap((id) => (id === 'unknown' ? [] : [{ id, tenant } as JobRow]));
});
const idsOf = (rows: readonly JobRow[]): string[] => rows.map(({ id }) => id);

it('those who ask in one turn share a query, and each gets its rows in its own order', async () => {
  const [first, second, other] = await Promise.all([
    readJobs('ours', ['a', 'b', 'unknown']),
    readJobs('ours', ['c', 'b']),
    readJobs('theirs', ['a']),
  ]);
  expect(idsOf(first)).toEqual(['a', 'b']);
  expect(idsOf(second)).toEqual(['c', 'b']);
  expect(other).toEqual([{ id: 'a', tenant: 'theirs' }]);
  expect(asked.splice(0)).toEqual([
    ['ours', 'a', 'b', 'unknown', 'c'],
    ['theirs', 'a'],
  ]);
});

it('who asks while others are answered is not given what they read', async () => {
  await readJobs('ours', ['a']);
  await readJobs('ours', ['a']);
  expect(asked.splice(0)).toHaveLength(2);
});

it('very many ids are several queries', async () => {
  const ids = Array.from({ length: 2_500 }, (_, index) => `job-${index}`);
  expect(idsOf(await readJobs('ours', ids))).toEqual(ids);
  expect(asked.splice(0).map((one) => one.length - 1)).toEqual([1_000, 1_000, 500]);
});

it('a failed read fails for all who shared it, and for nobody after', async () => {
  const failed = [readJobs('ours', ['a']), readJobs('ours', ['broken'])];
  for (const one of failed) await expect(one).rejects.toThrow('away');
  expect(idsOf(await readJobs('ours', ['a']))).toEqual(['a']);
});
