import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSimulator } from '../../src/executors/simulator/server.ts';
import { until } from '../support/until.ts';
import type { JobPlan } from './schedule.ts';

/** A graph that the product built, with what was asked for then. */
export interface GraphPattern {
  readonly plan: JobPlan;
  readonly prefix: string;
  readonly text: string;
}

export interface WantedPicture {
  readonly jobId: string;
  readonly plan: JobPlan;
  /** Output prefix of the attempt whose picture the job shows; it is written into the file. */
  readonly prefix: string;
}

/** The pattern with another seed, step count, prompt and prefix: what the client asked for, not what was built for it. */
export function graphFor(pattern: GraphPattern, { plan, prefix }: WantedPicture): object {
  const asked = (key: string, value: unknown): unknown => {
    if (value === pattern.plan.prompt) return plan.prompt;
    if (value === pattern.prefix) return prefix;
    if (key === 'seed' && value === pattern.plan.seed) return plan.seed;
    if (key === 'steps' && value === pattern.plan.steps) return plan.steps;
    return value;
  };
  return JSON.parse(pattern.text, asked) as object;
}

export const sha256Of = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex');

/** How many are given to it at a time. */
const BATCH = 20;

/** Draws the pictures on a simulator that nobody disturbs. Job id → SHA-256 of the file. */
export async function drawExpected(
  pattern: GraphPattern,
  wanted: readonly WantedPicture[],
): Promise<Map<string, string>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'orchestrator-undisturbed-'));
  const simulator = await startSimulator({ port: 0, dataDir });
  const drawn = new Map<string, string>();
  const post = async (picture: WantedPicture): Promise<string> => {
    const response = await fetch(`${simulator.url}/prompt`, {
      method: 'POST',
      body: JSON.stringify({ prompt: graphFor(pattern, picture) }),
    });
    const answer = (await response.json()) as { prompt_id?: string };
    if (answer.prompt_id === undefined)
      throw new Error(`POST /prompt answered ${response.status}: ${JSON.stringify(answer)}`);
    return answer.prompt_id;
  };
  const collect = async ({ jobId, prefix }: WantedPicture, promptId: string): Promise<void> => {
    await until(
      `${promptId} is drawn`,
      async () => {
        const response = await fetch(`${simulator.url}/history/${promptId}`);
        return Object.hasOwn((await response.json()) as object, promptId);
      },
      120_000,
    );
    const at = prefix.lastIndexOf('/');
    const query = new URLSearchParams({
      filename: `${prefix.slice(at + 1)}_00001_.png`,
      subfolder: prefix.slice(0, at),
      type: 'output',
    });
    const response = await fetch(`${simulator.url}/view?${query.toString()}`);
    drawn.set(jobId, sha256Of(new Uint8Array(await response.arrayBuffer())));
  };
  try {
    for (let from = 0; from < wanted.length; from += BATCH) {
      const batch = wanted.slice(from, from + BATCH);
      const ids = await Promise.all(batch.map(post));
      await Promise.all(batch.map((picture, index) => collect(picture, ids[index] ?? '')));
    }
    return drawn;
  } finally {
    await simulator.close();
    await rm(dataDir, { recursive: true, force: true });
  }
}
