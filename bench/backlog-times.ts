import type { DrawnPrompt } from './comfy-client.ts';
import { median, quantile } from './statistics.ts';
import { atMost, type Figure } from './table.ts';

/** What one way took in each of its turns, at its client and by the server's own clock (the same machine's). */
export interface Taken {
  readonly seconds: number[];
  /** POST → first start. */
  readonly headSeconds: number[];
  /** First start → last success. */
  readonly drawnSeconds: number[];
  /** Last success → the client knows. */
  readonly tailSeconds: number[];
  readonly gapsMs: number[];
  readonly drawMs: number[];
}

export const createTaken = (): Taken => ({
  seconds: [],
  headSeconds: [],
  drawnSeconds: [],
  tailSeconds: [],
  gapsMs: [],
  drawMs: [],
});

export interface Turn {
  /** At the client, in milliseconds since the epoch. */
  readonly calledAtMs: number;
  readonly knownAtMs: number;
  /** In the order in which they were drawn. */
  readonly prompts: readonly DrawnPrompt[];
}

/** Adds one turn. */
export function noteTurn(taken: Taken, { calledAtMs, knownAtMs, prompts }: Turn): void {
  const firstMs = prompts[0]?.startedAtMs ?? Number.NaN;
  const lastMs = prompts.at(-1)?.endedAtMs ?? Number.NaN;
  taken.seconds.push((knownAtMs - calledAtMs) / 1_000);
  taken.headSeconds.push((firstMs - calledAtMs) / 1_000);
  taken.drawnSeconds.push((lastMs - firstMs) / 1_000);
  taken.tailSeconds.push((knownAtMs - lastMs) / 1_000);
  prompts.forEach(({ startedAtMs, endedAtMs }, index) => {
    taken.drawMs.push(endedAtMs - startedAtMs);
    const before = prompts[index - 1];
    if (before) taken.gapsMs.push(startedAtMs - before.endedAtMs);
  });
}

type Row = Omit<Figure, 'scenario'>;

/** Through the API against both ways of posting straight. */
export function compareTurns(count: number, ours: Taken, atOnce: Taken, oneByOne: Taken): Row[] {
  const row = (what: string, unit: string, of: (taken: Taken) => number): Row => ({
    what,
    unit,
    ours: of(ours),
    reference: of(atOnce),
  });
  const seconds = (taken: Taken): number => median(taken.seconds);
  const whole = row(`ComfyUI: ${count} jobs, POST → all done`, 's', seconds);
  return [
    { ...whole, aim: atMost(1.1, 'ratio'), note: 'reference: posted straight, all at once' },
    row('  POST → first start', 's', (taken) => median(taken.headSeconds)),
    row('  first start → last success', 's', (taken) => median(taken.drawnSeconds)),
    row('  last success → client knows', 's', (taken) => median(taken.tailSeconds)),
    row('  idle gap between jobs, p50', 'ms', (taken) => quantile(taken.gapsMs, 0.5)),
    row('  idle gap between jobs, p95', 'ms', (taken) => quantile(taken.gapsMs, 0.95)),
    row('  one drawing, p50', 'ms', (taken) => median(taken.drawMs)),
    {
      ...whole,
      reference: seconds(oneByOne),
      note: 'reference: posted straight, each when the one before has ended',
    },
    {
      what: '  idle gap between straight prompts one by one, p50',
      unit: 'ms',
      ours: quantile(oneByOne.gapsMs, 0.5),
    },
  ];
}
