/** What 10,000 waiting jobs and 100,000 finished ones cost those who submit and ask. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Sql } from '../src/db/connect.ts';
import { startBenchStack, type BenchStack } from './bench-stack.ts';
import { createCollections } from './collections.ts';
import { insertFinished } from './finished-jobs.ts';
import { runOpenLoop } from './open-loop.ts';
import { pauseDrawing } from './pause-drawing.ts';
import { createPictureJobs } from './picture-jobs.ts';
import { cpuByPart, formatParts, sumOf } from './process-usage.ts';
import type { BenchContext, Scenario } from './scenario.ts';
import { quantile } from './statistics.ts';
import { atMost, type Figure } from './table.ts';

/** Of one POST, which may hold as many. */
const BATCH = 1_000;
/** Ours with all those jobs against the same without. */
const AIM = atMost(1.3, 'ratio');
/** Different jobs that are asked for. */
const ASKED = 200;
/** PostgreSQL's own upkeep after so many inserts has to be over. */
const CALM_MS = 10_000;

interface Side {
  readonly stack: BenchStack;
  readonly posts: number[];
  readonly waiting: number[];
  readonly finished: number[];
  /** CPU milliseconds a second of each part while nobody asks, turn by turn. */
  readonly idle: Record<string, number>[];
}

/** Waits until the statement finds no row; it should find one over an index, or it disturbs what is measured. */
async function untilNone(
  what: string,
  find: () => Promise<{ readonly count: number }>,
): Promise<void> {
  const deadline = performance.now() + 60 * 60_000;
  while ((await find()).count > 0) {
    if (performance.now() > deadline) throw new Error(`waited an hour in vain: ${what}`);
    await delay(250);
  }
}

async function pickIds(sql: Sql, state: 'queued' | 'succeeded'): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    select id from jobs where state = ${state} order by md5(id::text) limit ${ASKED}`;
  return rows.map(({ id }) => id);
}

/** A stack with a few finished jobs, whose simulator draws nothing from then on. */
async function startSide(context: BenchContext, name: string): Promise<Side> {
  const { dir, engine, room, say, size, quick, priorityAge } = context;
  const stack = await startBenchStack({
    ...{ dir: join(dir, `deep-${name}`), engine, room, say },
    ...(priorityAge === undefined
      ? {}
      : { rolesEnv: { PRIORITY_AGE_SECONDS: String(priorityAge) } }),
  });
  try {
    await createPictureJobs(stack.url, size).drawAll(quick ? 5 : 20);
    const { sql } = stack;
    await untilNone(
      'events are kept',
      () => sql`select from job_runs where events_kept_at is null limit 1`,
    );
    await pauseDrawing(stack.comfyUrls[0] ?? '', true);
    return { stack, posts: [], waiting: [], finished: [], idle: [] };
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

/** Returns how many seconds it took until Temporal had all that wait. */
async function fill({ sql, url }: BenchStack, size: number, quick: boolean): Promise<number> {
  const [pattern] = await sql<{ id: string }[]>`select id from jobs limit 1`;
  await insertFinished(sql, pattern?.id ?? '', quick ? 5_000 : 100_000);
  await sql`vacuum analyze`;
  const startedAt = performance.now();
  const clients = createCollections(url, size);
  for (let posted = 0; posted < (quick ? 1 : 10); posted += 1)
    await clients.submit(quick ? BATCH / 5 : BATCH);
  await untilNone(
    'Temporal has all jobs',
    () => sql`select from jobs where started_at is null and state = 'queued' limit 1`,
  );
  const seconds = (performance.now() - startedAt) / 1_000;
  await sql`vacuum analyze`;
  return seconds;
}

/** Everything that was posted to the small side is drawn, so that nothing waits there. */
async function drain({ stack }: Side): Promise<void> {
  const [comfyUrl = ''] = stack.comfyUrls;
  await pauseDrawing(comfyUrl, false);
  const { sql } = stack;
  await untilNone(
    'all are drawn',
    () => sql`select from jobs where state in ('queued', 'running') limit 1`,
  );
  await pauseDrawing(comfyUrl, true);
}

async function takeTurn(side: Side, size: number, seconds: number): Promise<void> {
  const { url, sql, pids } = side.stack;
  const jobs = createPictureJobs(url, size);
  const before = await cpuByPart(pids);
  await delay(seconds * 1_000);
  const after = Object.entries(await cpuByPart(pids));
  side.idle.push(
    Object.fromEntries(after.map(([part, ms]) => [part, (ms - (before[part] ?? 0)) / seconds])),
  );
  await runOpenLoop({ perSecond: 10, seconds: 1, call: () => jobs.post() });
  side.posts.push(...(await runOpenLoop({ perSecond: 10, seconds, call: () => jobs.post() })));
  for (const [state, times] of [
    ['queued', side.waiting],
    ['succeeded', side.finished],
  ] as const) {
    const ids = await pickIds(sql, state);
    const call = (index: number) => jobs.read(ids[index % ids.length] ?? '');
    await runOpenLoop({ perSecond: 100, seconds: 1, call });
    times.push(...(await runOpenLoop({ perSecond: 100, seconds, call })));
  }
}

const meanOf = (turns: readonly Record<string, number>[]): Record<string, number> =>
  Object.fromEntries(
    Object.keys(turns[0] ?? {}).map((part) => [
      part,
      turns.reduce((sum, turn) => sum + (turn[part] ?? 0), 0) / turns.length,
    ]),
  );

function compare(deep: Side, small: Side, waitingJobs: number, finishedJobs: number): Row[] {
  const row = (what: string, part: number, of: (side: Side) => number[]): Row => ({
    what: part === 0.5 ? `${what}, p50` : '– p95',
    ...{ unit: 'ms', ours: quantile(of(deep), part), reference: quantile(of(small), part) },
    aim: AIM,
  });
  const both = (what: string, of: (side: Side) => number[]): Row[] =>
    [0.5, 0.95].map((part) => row(what, part, of));
  const [first, ...others] = both('POST acknowledged at 10/s', ({ posts }) => posts);
  const note = `${waitingJobs} jobs wait, ${finishedJobs} have ended; reference: an empty system`;
  return [
    ...(first ? [{ ...first, note }] : []),
    ...others,
    ...both('GET of a waiting job at 100/s', ({ waiting }) => waiting),
    ...both('GET of a finished job at 100/s', ({ finished }) => finished),
    {
      what: 'CPU of all parts while nobody asks, each second',
      ...{ unit: 'ms', ours: sumOf(meanOf(deep.idle)), reference: sumOf(meanOf(small.idle)) },
      note: formatParts(meanOf(deep.idle)),
    },
  ];
}

type Row = Omit<Figure, 'scenario'>;

export const deepStore: Scenario = {
  name: 'deep',
  about: 'POST and GET with 10,000 jobs waiting and 100,000 finished, in turns with an empty stack',
  async run(context) {
    const { quick, size, say } = context;
    const small = await startSide(context, 'empty');
    try {
      const deep = await startSide(context, 'full');
      try {
        say('deep: filling; some minutes');
        const seconds = await fill(deep.stack, size, quick);
        const rounds = quick ? 2 : 10;
        const turnSeconds = quick ? 2 : 3;
        await delay(quick ? CALM_MS / 2 : CALM_MS);
        for (let round = 1; round <= rounds; round += 1) {
          say(`deep: round ${round} of ${rounds}`);
          // What drifts meanwhile hits both.
          for (const side of round % 2 === 1 ? [deep, small] : [small, deep])
            await takeTurn(side, size, turnSeconds);
          await drain(small);
        }
        const [counted] = await deep.stack.sql<{ waiting: number; finished: number }[]>`
          select (count(*) filter (where state = 'queued' and started_at is not null))::int as waiting,
            (count(*) filter (where state = 'succeeded'))::int as finished from jobs`;
        return [
          ...compare(deep, small, counted?.waiting ?? 0, counted?.finished ?? 0),
          { what: 'POST of the first of them until Temporal had all', unit: 's', ours: seconds },
        ];
      } finally {
        await deep.stack.stop();
      }
    } finally {
      await small.stack.stop();
    }
  },
};
