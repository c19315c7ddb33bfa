import { join } from 'node:path';
import { promptIdFor } from '../src/activities/prompt-id.ts';
import { jobWorkflowId } from '../src/domain/naming.ts';
import { compareTurns, createTaken, noteTurn, type Taken } from './backlog-times.ts';
import { startBenchStack, type BenchStack } from './bench-stack.ts';
import { createComfyClient } from './comfy-client.ts';
import { createStraight, type Way } from './comfy-straight.ts';
import { createPictureJobs } from './picture-jobs.ts';
import { cpuSeconds } from './process-usage.ts';
import type { RealComfy, Scenario } from './scenario.ts';
import { readSpans, type Spans } from './stage-times.ts';
import { median } from './statistics.ts';
import type { Figure } from './table.ts';

type Row = Omit<Figure, 'scenario'>;

const MODEL = 'urn:air:sd1:checkpoint:civitai:900001@900001';
const STEPS = 4;

async function registerCheckpoint({ url }: BenchStack, fileName: string): Promise<void> {
  const response = await fetch(`${url}/v2/resources`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ air: MODEL, modelName: 'bench', type: 'checkpoint', fileName }),
  });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
}

/** The jobs of one turn, in the order in which they were drawn. */
interface Backlog {
  readonly calledAtMs: number;
  readonly jobIds: readonly string[];
}

/** Medians of the stages of all jobs, and of the first of each backlog, from their histories. */
async function stages({ bare }: BenchStack, backlogs: readonly Backlog[]): Promise<Row[]> {
  const spansOf = (jobId: string, calledAtMs: number): Promise<Spans> =>
    readSpans(bare.client, {
      workflowId: jobWorkflowId(jobId),
      ...{ calledAtMs, answeredAtMs: Number.NaN },
    });
  const all = await Promise.all(
    backlogs.map(({ calledAtMs, jobIds }) =>
      Promise.all(jobIds.map((id) => spansOf(id, calledAtMs))),
    ),
  );
  const firsts = all.flatMap(([first]) => first ?? []);
  const medianOf = (spans: readonly Spans[], name: string): number =>
    median(spans.map((each) => each.get(name) ?? Number.NaN));
  return [...(firsts[0]?.keys() ?? [])]
    .map((name) => ({
      what: `    ${name}`,
      unit: 'ms',
      ours: medianOf(all.flat(), name),
      note: `the first job: ${medianOf(firsts, name).toFixed(0)} ms`,
    }))
    .filter(({ ours }) => !Number.isNaN(ours));
}

async function ownCpuSeconds({ pids }: BenchStack): Promise<number> {
  const used = Object.entries(await cpuSeconds(pids));
  return used.reduce((sum, [name, value]) => (name === 'bare worker' ? sum : sum + value), 0);
}

async function measure(
  stack: BenchStack,
  { url }: RealComfy,
  options: { readonly quick: boolean; readonly size: number; say(text: string): void },
): Promise<Row[]> {
  const { quick, size, say } = options;
  const count = quick ? 10 : 50;
  const comfy = createComfyClient(url);
  const jobs = createPictureJobs(stack.url, size, { model: MODEL, steps: STEPS });
  const backlogs: Backlog[] = [];
  const promptOf = (jobId: string): string => promptIdFor(jobId, 1, 1);
  const jobOf = new Map<string, string>();
  const throughApi: Way = async (wanted) => {
    const jobIds = await jobs.drawAll(wanted);
    for (const id of jobIds) jobOf.set(promptOf(id), id);
    return jobIds.map(promptOf);
  };
  say('comfyui: warm-up');
  const { graph } = await comfy.drawn(promptOf(await jobs.draw()));
  const straight = createStraight(url, graph);
  try {
    await straight.oneByOne(3);
    await jobs.drawAll(5);
    const [ours, atOnce, oneByOne] = [createTaken(), createTaken(), createTaken()];
    const api = ['through the API', ours, throughApi] as const;
    const queued = ['straight, all at once', atOnce, straight.atOnce] as const;
    const single = ['straight, one by one', oneByOne, straight.oneByOne] as const;
    // Those that are compared most closely stand on both sides of each other: what drifts meanwhile hits both.
    const turns: readonly (readonly [string, Taken, Way])[] = quick
      ? [api, queued, single]
      : [api, queued, single, queued, api, api, queued];
    let cpu = 0;
    for (const [name, taken, way] of turns) {
      await comfy.untilEmpty();
      const before = await ownCpuSeconds(stack);
      const calledAtMs = Date.now();
      const ids = await way(count);
      const knownAtMs = Date.now();
      if (way === throughApi) cpu += (await ownCpuSeconds(stack)) - before;
      say(`comfyui: ${count} ${name}: ${((knownAtMs - calledAtMs) / 1_000).toFixed(1)} s`);
      const prompts = await Promise.all(ids.map((id) => comfy.drawn(id)));
      prompts.sort((a, b) => a.startedAtMs - b.startedAtMs);
      noteTurn(taken, { calledAtMs, knownAtMs, prompts });
      const jobIds = prompts.flatMap(({ promptId }) => jobOf.get(promptId) ?? []);
      if (way === throughApi) backlogs.push({ calledAtMs, jobIds });
    }
    return [
      ...compareTurns(count, ours, atOnce, oneByOne),
      {
        what: '  CPU per job, all processes of ours',
        unit: 'ms',
        ours: (cpu * 1_000) / backlogs.flatMap(({ jobIds }) => jobIds).length,
      },
      ...(await stages(stack, backlogs)),
    ];
  } finally {
    await straight.close();
  }
}

/** A backlog on a real ComfyUI, in turns with the same graphs posted straight to it. */
export const comfyBacklog: Scenario = {
  name: 'comfyui',
  about: 'a backlog on a real ComfyUI (COMFY_BENCH_URL) against the same graphs posted straight',
  async run({ realComfy, quick, size, engine, room, dir, say }) {
    if (!realComfy) {
      say('comfyui: skipped; COMFY_BENCH_URL or --comfyui names a real ComfyUI to measure with');
      return [];
    }
    const { url } = realComfy;
    const stack = await startBenchStack({
      ...{ dir: join(dir, 'comfyui'), engine, room, comfyUrl: url, say },
    });
    try {
      await registerCheckpoint(stack, realComfy.checkpoint);
      return await measure(stack, realComfy, { quick, size, say });
    } finally {
      await stack.stop();
    }
  },
};
