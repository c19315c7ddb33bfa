import { runClosedLoop } from './closed-loop.ts';
import type { BenchStack } from './bench-stack.ts';
import { createPictureJobs } from './picture-jobs.ts';
import { cpuSeconds } from './process-usage.ts';
import type { Scenario } from './scenario.ts';
import { quantile, timed } from './statistics.ts';
import { atMost } from './table.ts';

/** High enough that nothing is refused; parts of 50 requests are taken, as with any limit above 1,000. */
const LIMIT = 1_000_000;
/** Until the API knows of the changed setting. */
const SEEN_AFTER_MS = 4_000;
const CLIENTS = 4;

interface Turns {
  readonly times: number[];
  readonly perSecond: number[];
  readonly cpuMs: number[];
}

const emptyTurns = (): Turns => ({ times: [], perSecond: [], cpuMs: [] });
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

const setLimit = async ({ sql }: BenchStack, limit: number | null): Promise<void> => {
  await sql`
    insert into tenants (tenant, requests_per_minute) values ('local', ${limit})
    on conflict (tenant) do update set requests_per_minute = ${limit}`;
  await new Promise((resolve) => setTimeout(resolve, SEEN_AFTER_MS));
};

/** What a rate limit costs a GET, in turns on the same API. */
export const limits: Scenario = {
  name: 'limits',
  about: 'GET job with a rate limit and without, in turns',
  async run({ quick, size, stack: startStack, say }) {
    const stack = await startStack();
    const jobs = createPictureJobs(stack.url, size);
    const jobId = await jobs.draw();
    const api = { api: stack.pids['api'] ?? 0 };
    const turn = async (turns: Turns): Promise<void> => {
      const { perSecond, completed, grown } = await runClosedLoop({
        clients: CLIENTS,
        warmUpMs: 1_000,
        windowMs: quick ? 1_000 : 8_000,
        call: async () => turns.times.push(await timed(() => jobs.read(jobId))),
        probe: () => cpuSeconds(api),
      });
      turns.perSecond.push(perSecond);
      turns.cpuMs.push(((grown['api'] ?? 0) * 1_000) / completed);
    };
    const [limited, free] = [emptyTurns(), emptyTurns()];
    for (let round = 1; round <= (quick ? 1 : 4); round += 1) {
      say(`limits: round ${round}`);
      await setLimit(stack, null);
      await turn(free);
      await setLimit(stack, LIMIT);
      await turn(limited);
    }
    await setLimit(stack, null);
    const both = (what: string, unit: string, of: (turns: Turns) => number) => ({
      ...{ what: `${what}; reference without a limit`, unit },
      ...{ ours: of(limited), reference: of(free) },
    });
    return [
      both('GET job, p50', 'ms', ({ times }) => quantile(times, 0.5)),
      both('GET job, p95', 'ms', ({ times }) => quantile(times, 0.95)),
      both('GETs a second of four clients', '', ({ perSecond }) => mean(perSecond)),
      {
        ...both('CPU of the API per GET', 'ms', ({ cpuMs }) => mean(cpuMs)),
        aim: atMost(1.05, 'ratio'),
      },
    ];
  },
};
