import { jobWorkflowId } from '../src/domain/naming.ts';
import { createPictureJobs } from './picture-jobs.ts';
import type { Scenario } from './scenario.ts';
import { readSpans, type ClientTimes, type Spans } from './stage-times.ts';
import { median, quantile } from './statistics.ts';
import { atMost } from './table.ts';

const WARM_UP = 8;

async function clocked(run: () => Promise<string>): Promise<ClientTimes> {
  // The history has the time of the day, so the client needs it as well; both are of this machine.
  const calledAtMs = performance.timeOrigin + performance.now();
  const workflowId = await run();
  return { workflowId, calledAtMs, answeredAtMs: performance.timeOrigin + performance.now() };
}

const durations = (runs: readonly ClientTimes[]): number[] =>
  runs.map(({ calledAtMs, answeredAtMs }) => answeredAtMs - calledAtMs);

const medianOf = (all: readonly Spans[], name: string): number =>
  median(all.flatMap((spans) => spans.get(name) ?? []));

/** One client, one job after the other, in turns with bare workflows. */
export const latency: Scenario = {
  name: 'latency',
  about: 'POST → picture read, one client, against a bare workflow; and where the time goes',
  async run({ quick, size, stack: startStack, say }) {
    const stack = await startStack();
    const { bare } = stack;
    const jobs = createPictureJobs(stack.url, size);
    const drawOne = async (): Promise<string> => jobWorkflowId(await jobs.draw());
    for (let index = 0; index < WARM_UP; index += 1) {
      await drawOne();
      await bare.run();
    }
    const ours: ClientTimes[] = [];
    const theirs: ClientTimes[] = [];
    const rounds = quick ? 5 : 40;
    say(`latency: ${rounds} jobs and ${rounds} bare workflows in turns`);
    for (let index = 0; index < rounds; index += 1) {
      ours.push(await clocked(drawOne));
      theirs.push(await clocked(() => bare.run()));
    }
    const spansOf = (runs: readonly ClientTimes[]): Promise<Spans[]> =>
      Promise.all(runs.map((run) => readSpans(bare.client, run)));
    const [ourSpans, theirSpans] = [await spansOf(ours), await spansOf(theirs)];
    const figures = [0.5, 0.95].map((part) => ({
      what: `one client: POST → picture read, p${part * 100}`,
      unit: 'ms',
      ours: quantile(durations(ours), part),
      reference: quantile(durations(theirs), part),
      ...(part === 0.5 ? { aim: atMost(1.35, 'ratio'), note: 'the first aim was 1.6×' } : {}),
    }));
    const names = [...(ourSpans[0] ?? new Map<string, number>()).keys()];
    const spans = names.map((name) => ({
      what: `  ${name}`,
      unit: 'ms',
      ours: medianOf(ourSpans, name),
      reference: medianOf(theirSpans, name),
    }));
    return [...figures, ...spans];
  },
};
