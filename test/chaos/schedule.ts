import { createHash } from 'node:crypto';
import {
  between,
  createRandom,
  pick,
  type Random,
} from '../../src/executors/simulator/picture/random.ts';

export interface ScheduleOptions {
  readonly seed: number;
  readonly jobs: number;
  /** `kill -9`s; half as many stops, cuts and drains come on top, and each server loses two answers. */
  readonly kills: number;
  readonly servers: number;
  readonly apis: number;
  readonly cpuWorkers: number;
  readonly lostAfterMs: number;
  /** Some outages of servers outlast SERVER_LOST_AFTER. */
  readonly withLongOutages: boolean;
}

export type Disturbance = {
  /** Begins once so many jobs have ended. */
  readonly afterEnded: number;
} & (
  | { readonly kind: 'kill' | 'stop' | 'drain'; readonly part: string; readonly ms: number }
  | { readonly kind: 'cut'; readonly server: string; readonly ms: number }
  /** The next prompt is queued, then the connection is cut, or 500 is answered. */
  | {
      readonly kind: 'enqueue-then-drop' | 'enqueue-then-fail';
      readonly server: string;
    }
);

/** What the client asks for, and what it does with the job afterwards. */
export interface JobPlan {
  readonly index: number;
  readonly seed: number;
  readonly steps: number;
  readonly prompt: string;
  /** The same request is sent twice at once. */
  readonly isSentTwice: boolean;
  readonly cancelAfterMs?: number;
  readonly holdAfterMs?: number;
  readonly resumeAfterMs?: number;
}

export interface Schedule {
  readonly disturbances: readonly Disturbance[];
  readonly jobs: readonly JobPlan[];
}

export const serverName = (index: number): string => `sim-${index + 1}`;
export const gpuWorkerOf = (server: string): string => `worker-gpu-${server}`;
export const linkTo = (server: string): string => `link to ${server}`;
export const simulatorOf = (server: string): string => `simulator-${server}`;

/** Long enough that retries on both sides do not blur whether it was too long. */
const LONG = 1.5;
const SHORT = 0.25;

/** The same options give the same schedule. */
export function createSchedule(options: ScheduleOptions): Schedule {
  const randomFor = (what: string): Random =>
    createRandom(createHash('sha256').update(`${what} ${options.seed}`).digest('hex'));
  return {
    disturbances: planDisturbances(options, randomFor('disturbances')),
    jobs: planJobs(options, randomFor('jobs')),
  };
}

function planDisturbances(options: ScheduleOptions, random: Random): Disturbance[] {
  const { jobs, kills, lostAfterMs } = options;
  // The first comes when something runs, the last while something is left.
  const moment = (): number => Math.floor(between(random, 0, jobs * 0.9));
  const shortMs = (): number => Math.round(between(random, 200, SHORT * lostAfterMs));
  const deal = dealer(killTargets(options), random);
  const planned: Disturbance[] = [];
  for (let index = 0; index < kills; index += 1) {
    const { part, isServerSide } = deal();
    const isLong = options.withLongOutages && isServerSide && random() < 0.1;
    const ms = isLong ? Math.round(LONG * lostAfterMs) : shortMs();
    planned.push({ afterEnded: moment(), kind: 'kill', part, ms });
  }
  for (let index = 0; index < Math.ceil(kills / 2); index += 1) {
    const kind = pick(random, EXTRAS);
    const afterEnded = moment();
    if (kind === 'cut') {
      const server = serverName(Math.floor(random() * options.servers));
      const isLong = options.withLongOutages && random() < 0.3;
      const ms = isLong ? Math.round(LONG * lostAfterMs) : shortMs();
      planned.push({ afterEnded, kind, server, ms });
    } else planned.push({ afterEnded, kind, part: deal().part, ms: shortMs() });
  }
  for (let index = 0; index < options.servers; index += 1)
    for (const kind of ['enqueue-then-drop', 'enqueue-then-fail'] as const)
      planned.push({ afterEnded: moment(), kind, server: serverName(index) });
  return planned.sort((a, b) => a.afterEnded - b.afterEnded);
}

const EXTRAS: ['cut', ...('cut' | 'stop' | 'drain')[]] = ['cut', 'cut', 'stop', 'stop', 'drain'];

interface Target {
  readonly part: string;
  readonly isServerSide: boolean;
}

function killTargets({ servers, apis, cpuWorkers }: ScheduleOptions): Target[] {
  const numbered = (count: number, name: string): Target[] =>
    Array.from({ length: count }, (_, index) => ({
      part: `${name}-${index + 1}`,
      isServerSide: false,
    }));
  const atServers = Array.from({ length: servers }, (_, index) => serverName(index)).flatMap(
    (server) => [
      { part: gpuWorkerOf(server), isServerSide: true },
      { part: simulatorOf(server), isServerSide: true },
    ],
  );
  return [
    { part: 'temporal', isServerSide: false },
    { part: 'postgres', isServerSide: false },
    ...numbered(apis, 'api'),
    ...numbered(cpuWorkers, 'worker-cpu'),
    ...atServers,
  ];
}

/** Gives every target once in a random order before it gives one again. */
function dealer(targets: readonly Target[], random: Random): () => Target {
  let left: Target[] = [];
  return () => {
    if (left.length === 0) left = [...targets];
    const [dealt] = left.splice(Math.floor(random() * left.length), 1);
    if (!dealt) throw new Error('there is nothing to disturb');
    return dealt;
  };
}

function planJobs({ jobs }: ScheduleOptions, random: Random): JobPlan[] {
  return Array.from({ length: jobs }, (_, index) => {
    const fate = random();
    const afterMs = Math.round(between(random, 0, 8_000));
    return {
      index,
      seed: Math.floor(random() * 2 ** 32),
      // Mostly under a second, now and then several, so that kills meet pictures half drawn.
      steps: Math.round(between(random, 1, random() < 0.2 ? 20 : 4)),
      prompt: `picture ${index} of a lighthouse`,
      isSentTwice: random() < 0.1,
      ...(fate < 0.08 ? { cancelAfterMs: afterMs } : {}),
      ...(fate > 0.95 ? { holdAfterMs: afterMs / 4, resumeAfterMs: afterMs } : {}),
    };
  });
}
