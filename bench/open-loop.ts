import { setTimeout as delay } from 'node:timers/promises';
import { timed } from './statistics.ts';

export interface OpenLoopOptions {
  readonly perSecond: number;
  readonly seconds: number;
  readonly call: (index: number) => Promise<unknown>;
}

/** Calls at a fixed rate, whether earlier ones were answered or not; how long each took, in milliseconds. */
export async function runOpenLoop(options: OpenLoopOptions): Promise<number[]> {
  const { perSecond, seconds, call } = options;
  const total = perSecond * seconds;
  const startedAt = performance.now();
  const calls: Promise<number>[] = [];
  for (let index = 0; index < total; index += 1) {
    const dueInMs = startedAt + (index / perSecond) * 1_000 - performance.now();
    if (dueInMs > 0) await delay(dueInMs);
    calls.push(timed(() => call(index)));
  }
  return Promise.all(calls);
}
