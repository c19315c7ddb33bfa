import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { EXAMPLE_GENERATIONS } from '../test/fixtures/generations.ts';
import { ephemeralPort } from '../src/dev/ports.ts';
import { buildGraph } from '../src/ecosystems/index.ts';
import { HOST, childEnv } from './bench-stack.ts';
import { createComfyClient } from './comfy-client.ts';
import { CLI, startNodeProgram, type NodeProgram } from './node-program.ts';
import { residentMb } from './process-usage.ts';
import type { Scenario } from './scenario.ts';
import { median } from './statistics.ts';

const CHECKPOINT = 'v1-5-pruned-emaonly.safetensors';
/** Posted before the next are: the queue stays fed, and does not hold thousands. */
const BATCH = 200;
const POSTERS = 4;

interface RunningSimulator {
  readonly url: string;
  readonly program: NodeProgram;
  /** From the start of the process to its first answer. */
  readonly answeredMs: number;
}

async function startSimulator(dir: string): Promise<RunningSimulator> {
  await mkdir(dir, { recursive: true });
  const port = await ephemeralPort(HOST);
  const url = `http://${HOST}:${port}`;
  const startedAt = performance.now();
  const program = await startNodeProgram({
    name: 'simulator',
    args: [CLI, 'simulator', '--port', String(port), '--data', join(dir, 'data')],
    env: { ...childEnv(), SIM_STEP_MS: '0', DATA_DIR: dir, LOG_LEVEL: 'warn' },
    dir,
  });
  await createComfyClient(url).remaining();
  return { url, program, answeredMs: performance.now() - startedAt };
}

/** Graphs of one SD1 picture with one step, never the same seed twice. */
function createGraphs(size: number): () => ReturnType<typeof buildGraph> {
  let seed = 0;
  const { generation } = EXAMPLE_GENERATIONS['sd1-text-to-image'];
  const plain = { ...generation, width: size, height: size, steps: 1, clipSkip: 1, networks: [] };
  const files = { checkpoint: { folder: 'checkpoints', name: CHECKPOINT }, networks: [] };
  return () => {
    seed += 1;
    return buildGraph({ ...plain, seed }, files, `orchestrator/${size}-${seed}/r1a1`);
  };
}

/** Posts that many prompts and waits until all are drawn; the seconds it took. */
async function drawMany(
  url: string,
  count: number,
  next: ReturnType<typeof createGraphs>,
): Promise<number> {
  const comfy = createComfyClient(url);
  const startedAt = performance.now();
  for (let posted = 0; posted < count;) {
    const until = Math.min(count, posted + BATCH);
    const poster = async (): Promise<void> => {
      while (posted < until) {
        posted += 1;
        await comfy.post(next());
      }
    };
    await Promise.all(Array.from({ length: POSTERS }, poster));
    await comfy.untilEmpty();
  }
  return (performance.now() - startedAt) / 1_000;
}

/** A simulator alone, in a process of its own: how soon, how many, how much memory. */
export const simulatorLoad: Scenario = {
  name: 'simulator',
  about: 'the simulator alone: start to first answer, prompts/s, memory over many prompts',
  async run({ quick, size, dir, say }) {
    const starts: number[] = [];
    for (let index = 0; index < (quick ? 2 : 5); index += 1) {
      const simulator = await startSimulator(join(dir, `simulator-start-${index}`));
      starts.push(simulator.answeredMs);
      await simulator.program.process.stop();
    }
    const { url, program } = await startSimulator(join(dir, 'simulator-load'));
    try {
      const { pid } = program.process;
      const next = createGraphs(size);
      const memory = [{ prompts: 0, mb: await residentMb(pid) }];
      const rates: number[] = [];
      let drawn = 0;
      for (const prompts of quick ? [100, 500] : [1_000, 10_000, 20_000]) {
        say(`simulator: up to ${prompts} prompts`);
        rates.push((prompts - drawn) / (await drawMany(url, prompts - drawn, next)));
        drawn = prompts;
        memory.push({ prompts, mb: await residentMb(pid) });
      }
      // Last, for its answer is so large that it shows in the memory.
      const held = await createComfyClient(url).historySize();
      const large = 512;
      const few = quick ? 20 : 200;
      const largeRate = few / (await drawMany(url, few, createGraphs(large)));
      return [
        {
          what: 'simulator: start to first answer',
          unit: 's',
          ours: median(starts) / 1_000,
          note: `median of ${starts.length}`,
        },
        {
          what: `simulator: prompts a second, ${size}×${size}`,
          unit: '/s',
          ours: rates.at(-1) ?? Number.NaN,
          note: `SD1, 1 step; the first ${memory[1]?.prompts ?? 0}: ${(rates[0] ?? 0).toFixed(0)}/s`,
        },
        {
          what: `simulator: prompts a second, ${large}×${large}`,
          unit: '/s',
          ours: largeRate,
        },
        ...memory.map(({ prompts, mb }) => ({
          what: `simulator: memory after ${prompts} prompts`,
          unit: 'MB',
          ours: mb,
          ...(prompts === drawn ? { note: `${held} of them in its history` } : {}),
        })),
      ];
    } finally {
      await program.process.stop();
    }
  },
};
