import { setTimeout as delay } from 'node:timers/promises';
import { promptsOn } from '../support/jobs.ts';
import {
  BLIND_GPU_WORKER,
  startChaosStack,
  type ChaosStack,
  type ChaosStackOptions,
} from './chaos-stack.ts';
import { check, type Verdict } from './check.ts';
import { createDisturber } from './disturb.ts';
import { gatherEvidence } from './evidence.ts';
import { createJournal, type Outage } from './journal.ts';
import { startLoad, type Load } from './load.ts';
import { createSchedule, type Schedule, type ScheduleOptions } from './schedule.ts';

export interface ChaosOptions
  extends ScheduleOptions, Pick<ChaosStackOptions, 'dir' | 'temporalBinary' | 'program'> {
  /** `lookup`: submit posts without looking whether the server has the prompt. The run must fail. */
  readonly sabotage: 'lookup' | undefined;
  /** Nothing ended for so long: the run is over as it is. */
  readonly stuckAfterMs: number;
  readonly onProgress: (line: string) => void;
}

export interface ChaosRun {
  readonly verdict: Verdict;
  readonly schedule: Schedule;
  readonly outages: readonly Outage[];
  readonly tookMs: number;
}

const LOOK_EVERY_MS = 250;
const TELL_EVERY_MS = 5_000;

/** Starts a stack, lets the schedule loose on it while jobs run, waits until all is quiet, and compares. */
export async function runChaos(options: ChaosOptions): Promise<ChaosRun> {
  const journal = createJournal();
  const schedule = createSchedule(options);
  const stack = await startChaosStack(
    { ...options, ...(options.sabotage ? { gpuWorker: BLIND_GPU_WORKER } : {}) },
    journal,
  );
  const stop = new AbortController();
  const startedAt = performance.now();
  try {
    let ended = 0;
    const disturb = createDisturber(stack, journal);
    const load = startLoad({
      ...{ stack, seed: options.seed, plans: schedule.jobs, ended: () => ended },
      inFlight: Math.max(12, Math.ceil(options.jobs / 10)),
      signal: stop.signal,
    });
    let isLoadDone = false;
    const loadDone = load.done.then(
      () => void (isLoadDone = true),
      () => undefined,
    );
    const pending = [...schedule.disturbances];
    const begun: Promise<void>[] = [];
    let lasting = 0;
    const begin = (): void => {
      while (pending[0] !== undefined && pending[0].afterEnded <= ended) {
        const next = pending.shift();
        if (!next) return;
        lasting += 1;
        begun.push(disturb(next).finally(() => (lasting -= 1)));
      }
    };
    let changedAt = performance.now();
    let toldAt = 0;
    for (;;) {
      const now = await countEnded(stack).catch(() => ended);
      if (now !== ended || lasting > 0) changedAt = performance.now();
      ended = now;
      begin();
      if (performance.now() - toldAt > TELL_EVERY_MS) {
        toldAt = performance.now();
        const done = schedule.disturbances.length - pending.length;
        options.onProgress(
          `${load.accepted.length}/${options.jobs} accepted, ${ended} ended, ` +
            `${done}/${schedule.disturbances.length} disturbances${shownAway(journal.away())}`,
        );
      }
      const isOver = isLoadDone && pending.length === 0 && lasting === 0;
      if (isOver && (await isQuiet(stack, load).catch(() => false))) break;
      if (performance.now() - changedAt > options.stuckAfterMs) break;
      await delay(LOOK_EVERY_MS);
    }
    stop.abort(new Error('nothing ends any more'));
    await Promise.all([loadDone, ...begun]);
    options.onProgress('comparing');
    const evidence = await gatherEvidence({
      ...{ stack, seed: options.seed, outages: journal.outages() },
      ...{ accepted: load.accepted, complaints: load.complaints },
      signal: AbortSignal.timeout(options.stuckAfterMs),
    });
    const verdict = check(evidence, options.lostAfterMs);
    const missing = options.jobs - load.accepted.length;
    return {
      verdict: {
        ...verdict,
        findings: [
          ...(missing > 0 ? [`${missing} jobs were never accepted`] : []),
          ...verdict.findings,
        ],
      },
      schedule,
      outages: journal.outages(),
      tookMs: performance.now() - startedAt,
    };
  } finally {
    stop.abort(new Error('the run is over'));
    await stack.stop();
  }
}

const shownAway = (away: readonly string[]): string =>
  away.length === 0 ? '' : `; away: ${away.join(', ')}`;

async function countEnded({ sql }: ChaosStack): Promise<number> {
  const [row] = await sql<{ ended: number }[]>`
    select count(*)::int as ended from jobs where finished_at is not null`;
  return row?.ended ?? 0;
}

/** Everything has ended and been cleared away. */
async function isQuiet(stack: ChaosStack, load: Load): Promise<boolean> {
  if ((await countEnded(stack)) < load.accepted.length) return false;
  if ((await stack.sql`select from leases`).count > 0) return false;
  const { count } = await stack.client.workflow.count(`ExecutionStatus = 'Running'`);
  if (count > 0) return false;
  const queues = await Promise.all(stack.servers.map(({ url }) => promptsOn(url)));
  return queues.every(({ running, pending }) => running.length + pending.length === 0);
}
