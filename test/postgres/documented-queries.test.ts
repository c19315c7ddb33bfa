/** The queries that docs/ tells operators to run are right for the schema as it is. */
import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createJobStore } from '../../src/db/jobs.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { newJobRow } from '../support/jobs.ts';

const DOCS = new URL('../../docs/', import.meta.url);

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** As `page: select …`. */
async function documentedQueries(): Promise<[page: string, query: string][]> {
  const pages = (await readdir(DOCS)).filter((name) => name.endsWith('.md'));
  const found = await Promise.all(
    pages.map(async (page) => {
      const text = await readFile(new URL(page, DOCS), 'utf8');
      return [...text.matchAll(/["`](select [^"`]+ from [^"`]+)["`]/g)].map(
        ([, query = '']): [string, string] => [page, query],
      );
    }),
  );
  return found.flat();
}

it('every one of them runs', async () => {
  const queries = await documentedQueries();
  expect(queries.length).toBeGreaterThanOrEqual(4);
  for (const [page, query] of queries)
    await expect(database.sql.unsafe(query), `${page}: ${query}`).resolves.toBeDefined();
});

it('the one to scale by counts the jobs that wait for a server, and no others', async () => {
  const { sql } = database;
  const [, query = ''] = (await documentedQueries()).find(([page]) => page === 'scaling.md') ?? [];
  const [waiting, held, awaiting] = [1, 2, 3].map(() => newJobRow({ pool: 'sdxl' }));
  const others = [newJobRow({ pool: 'sdxl', class: 'task' }), newJobRow()];
  const rows = [waiting, held, awaiting, ...others].filter((row) => row !== undefined);
  await createJobStore(sql).insertJobs(rows);
  await sql`update jobs set held = true where id = ${held?.id ?? ''}`;
  await sql`update jobs set awaits_jobs = true where id = ${awaiting?.id ?? ''}`;
  expect(await sql.unsafe(query)).toMatchObject([{ count: 1 }]);
});
