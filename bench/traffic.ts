import { createCollections, sinceEnd, type Collection } from './collections.ts';
import { runOpenLoop } from './open-loop.ts';
import { residentMb } from './process-usage.ts';
import type { Scenario } from './scenario.ts';
import { quantile, timed } from './statistics.ts';
import type { Figure } from './table.ts';

const PER_SECOND = 100;
/** Of ten requests: one POST, one long poll, one query, four GETs by token, three by id. */
const MIX = [
  'POST',
  'wait',
  'query',
  'token',
  'token',
  'token',
  'token',
  'id',
  'id',
  'id',
] as const;
type Kind = (typeof MIX)[number];
const NAMES: Readonly<Record<Kind, string>> = {
  POST: 'POST of a job, 10/s',
  wait: 'long poll of a new job, 10/s: answered after the end of the job',
  query: 'query by properties, 10/s',
  token: 'GET by token, 40/s',
  id: 'GET by id, 30/s',
};
const USERS = 20;
/** Newest jobs that are asked for. */
const RECENT = 200;

/** What clients of every kind feel at the same time. */
export const traffic: Scenario = {
  name: 'traffic',
  about:
    '100 mixed requests a second for a minute, 10 of them POSTs: each operation, errors, memory',
  async run({ quick, size, stack: startStack, say }) {
    const { url, pids } = await startStack();
    const clients = createCollections(url, size);
    const known: Collection[] = [await clients.submit(1)];
    const took = new Map<Kind, number[]>(MIX.map((kind) => [kind, []]));
    let errors = 0;
    const userOf = (index: number) => ({ userId: `u-${index % USERS}` });
    const pick = (index: number): Collection | undefined => known[index % known.length];
    const calls: Readonly<Record<Kind, (index: number) => Promise<number | undefined>>> = {
      POST: (index) =>
        timed(async () => {
          known.unshift(await clients.submit(1, userOf(index)));
          known.length = Math.min(known.length, RECENT);
        }),
      async wait() {
        const newest = known[0];
        return newest && sinceEnd(await clients.wait(newest.token));
      },
      query: (index) => timed(() => clients.query(userOf(index))),
      token: (index) => timed(() => clients.read(pick(index)?.token ?? '')),
      id: (index) => timed(() => clients.readJob(pick(index)?.jobs[0]?.jobId ?? '')),
    };
    const call = async (index: number): Promise<void> => {
      const kind = MIX[index % MIX.length] ?? 'POST';
      try {
        const ms = await calls[kind](index);
        if (ms !== undefined) took.get(kind)?.push(ms);
      } catch (error) {
        errors += 1;
        say(`traffic: ${kind}: ${error instanceof Error ? error.message : String(error)}`);
      }
    };
    await runOpenLoop({ perSecond: PER_SECOND, seconds: 2, call });
    for (const samples of took.values()) samples.length = 0;
    errors = 0;
    const memoryOf = async () =>
      (await residentMb(pids['api'] ?? 0)) + (await residentMb(pids['worker'] ?? 0));
    const before = await memoryOf();
    const seconds = quick ? 3 : 60;
    say(`traffic: ${PER_SECOND} requests a second for ${seconds} s`);
    await runOpenLoop({ perSecond: PER_SECOND, seconds, call });
    const figures = [...took].flatMap(([kind, samples]): Omit<Figure, 'scenario'>[] => [
      { what: `${NAMES[kind]}, p50`, unit: 'ms', ours: quantile(samples, 0.5) },
      { what: '– p95', unit: 'ms', ours: quantile(samples, 0.95) },
    ]);
    return [
      ...figures,
      { what: 'errors', unit: '', ours: errors, aim: { of: 'value', is: 'at most', limit: 0 } },
      {
        what: 'memory of API and workers after, before',
        unit: 'MB',
        ours: await memoryOf(),
        reference: before,
      },
    ];
  },
};
