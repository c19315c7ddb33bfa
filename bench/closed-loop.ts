import { setTimeout as delay } from 'node:timers/promises';

export interface ClosedLoopOptions {
  readonly clients: number;
  readonly warmUpMs: number;
  readonly windowMs: number;
  readonly call: () => Promise<unknown>;
  /** Called at the begin and at the end of the window. */
  readonly probe: () => Promise<Record<string, number>>;
}

export interface ClosedLoopResult {
  readonly perSecond: number;
  readonly completed: number;
  /** By how much each value of the probe grew in the window. */
  readonly grown: Readonly<Record<string, number>>;
}

/** Clients that each call again as soon as they are answered; counts the answers within the window. */
export async function runClosedLoop(options: ClosedLoopOptions): Promise<ClosedLoopResult> {
  let completed = 0;
  let stopped = false;
  const client = async (): Promise<void> => {
    while (!stopped) {
      await options.call();
      completed += 1;
    }
  };
  const clients = Promise.all(Array.from({ length: options.clients }, client));
  const failed = clients.then(() => undefined);
  await Promise.race([delay(options.warmUpMs), failed]);
  const before = await options.probe();
  const startedAt = performance.now();
  const earlier = completed;
  await Promise.race([delay(options.windowMs), failed]);
  const inWindow = completed - earlier;
  const seconds = (performance.now() - startedAt) / 1_000;
  const after = await options.probe();
  stopped = true;
  await clients;
  const grown = Object.entries(after).map(([name, value]) => [name, value - (before[name] ?? 0)]);
  return {
    perSecond: inWindow / seconds,
    completed: inWindow,
    grown: Object.fromEntries(grown) as Record<string, number>,
  };
}
