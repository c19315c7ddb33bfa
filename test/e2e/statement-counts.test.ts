/** How much is asked of PostgreSQL, counted in its own log: what nobody sees grow, and every job pays. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import type { Serving } from '../../src/commands/serve.ts';
import type { JobStatusCollection } from '../../src/contract/v1/job-status.ts';
import { promptIdFor } from '../../src/activities/prompt-id.ts';
import { createJobClient, SD1_MODEL, type JobClient } from '../support/job-client.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

let stack: TestStack;
let serving: Serving;
let client: JobClient;
beforeAll(async () => {
  stack = await startTestStack({ role: 'none', oneProcess: true });
  const [database] = await stack.sql<{ name: string }[]>`select current_database() as name`;
  // Of the connections that are opened from now on.
  await stack.sql`alter database ${stack.sql(database?.name ?? '')} set log_statement = 'all'`;
  serving = await stack.serve('monolith');
  client = createJobClient({ ...stack, url: serving.url ?? '' });
});
afterAll(() => stack.stop());

/** Statements of which a parameter has one of these texts, without what is asked again and again while something waits. */
async function statementsWith(...texts: readonly string[]): Promise<string[]> {
  const log = await readFile(inject('postgresLog'), 'utf8');
  const entries = log.split(/^(?=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[^\n]*? (?:LOG|DETAIL): )/m);
  return entries.flatMap((entry, index) => {
    const isAbout = entry.includes(' DETAIL: ') && texts.some((text) => entry.includes(text));
    const asked = entries[index - 1]?.replace(/^.*? LOG:\s+execute [^:]*: /, '') ?? '';
    const statement = asked.replace(/\s+/g, ' ').trim();
    return isAbout && !POLLS.test(statement) ? [statement] : [];
  });
}

/** Who waits asks once a second, and the closer looks at what is older than two. */
const POLLS = /from unnest\(|^select id from jobs|^select \* from leases/;

const submit = async (body: object): Promise<JobStatusCollection> => {
  const answer = await fetch(`${serving.url}/v1/consumer/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(answer.status).toBe(202);
  return (await answer.json()) as JobStatusCollection;
};
const params = { prompt: 'a lighthouse', width: 64, height: 64, steps: 1 };
const job = { $type: 'textToImage', model: SD1_MODEL, params };

/** What naming the job takes from its acceptance until its events are kept. */
async function drawOne(): Promise<string[]> {
  const jobId = await client.submit();
  await client.ends(jobId, 'Succeeded');
  return until('its events are kept', async () => {
    const statements = await statementsWith(jobId, promptIdFor(jobId, 1, 1));
    return (
      statements.some((statement) => statement.includes('insert into event_snapshots')) &&
      // The reads of `ends` are this test's own.
      statements.filter((statement) => !statement.startsWith('select * from jobs where id = $1'))
    );
  });
}

it('a job is named in at most 9 statements', async () => {
  // The least of three: a machine that stands still for a while makes one ask again.
  const all = [await drawOne(), await drawOne(), await drawOne()];
  const least = all.reduce((one, other) => (other.length < one.length ? other : one));
  expect(least.length, least.join('\n')).toBeLessThanOrEqual(9);
  expect(least.some((statement) => statement.includes('insert into jobs'))).toBe(true);
});

it('a request of many jobs asks the catalogue once and inserts once', async () => {
  const asks = async () =>
    (await statementsWith(SD1_MODEL)).filter((statement) => statement.startsWith('select air'));
  const before = (await asks()).length;
  const { jobs } = await submit({ jobs: Array.from({ length: 50 }, () => job) });
  const inserts = await until('the insert is logged', async () => {
    const named = await statementsWith(...jobs.map(({ jobId }) => jobId));
    const found = named.filter((statement) => statement.includes('insert into jobs'));
    return found.length > 0 && found;
  });
  expect(inserts).toHaveLength(1);
  expect((await asks()).length - before).toBe(1);
  await Promise.all(jobs.map(({ jobId }) => client.cancel(jobId)));
});

it('the end of a job for which many wait is read once for all of them', async () => {
  stack.simulator.pauseDrawing(true);
  const { token, jobs } = await submit(job);
  const reads = async (): Promise<number> =>
    (await statementsWith(jobs[0]?.jobId ?? '')).filter((statement) =>
      statement.startsWith('select * from jobs where id = any'),
    ).length;
  const path = `${serving.url}/v1/consumer/jobs?wait=true&token=${encodeURIComponent(token)}`;
  const polls = Array.from({ length: 30 }, () => fetch(path));
  await until('all of them wait', async () => (await reads()) === 30, 60_000);
  stack.simulator.pauseDrawing(false);
  const statuses = (await Promise.all(polls)).map(({ status }) => status);
  expect(new Set(statuses)).toEqual(new Set([200]));
  await until('the read is logged', async () => (await reads()) > 30);
  // One; the look that comes once a second may wake some of them a moment before.
  expect(await reads()).toBeLessThanOrEqual(33);
});
