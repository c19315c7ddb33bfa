import { expect, it } from 'vitest';
import { promptIdFor } from '../../src/activities/prompt-id.ts';
import { readRunHistory } from '../../src/client/run-history.ts';
import type { Executor } from '../../src/ports.ts';
import { eventTypes, leasesOf, postJobs, untilState } from './jobs.ts';
import type { TestStack } from './stack.ts';
import { until } from './until.ts';

/** A ComfyUI with model files that come and go. */
export interface ModelWorld {
  readonly stack: TestStack;
  readonly executor: Executor;
  /** Puts a checkpoint where the server lists it. */
  add(fileName: string): Promise<void>;
  remove(fileName: string): Promise<void>;
  /** Removes it in a way that its loader notices, also on a server that loads nothing. */
  removeBeforeLoading(fileName: string): Promise<void>;
  /** AIR of a checkpoint that stays. */
  readonly model: string;
  /** A drawing of that size and length lasts long enough for a few requests. */
  readonly slow: Readonly<Record<string, number>>;
}

/** For a server that draws on a busy CPU. */
const PATIENCE_MS = 120_000;

let lastVersion = 910_000;

/** Puts a checkpoint file into the catalogue and returns its AIR. */
export async function registerCheckpoint(url: string, fileName: string): Promise<string> {
  lastVersion += 1;
  const air = `urn:air:sd1:checkpoint:civitai:${lastVersion}@${lastVersion}`;
  const response = await fetch(`${url}/v2/resources`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ air, modelName: 'comes and goes', type: 'Checkpoint', fileName }),
  });
  expect(response.status, await response.text()).toBe(201);
  return air;
}

/** What holds for a checkpoint that vanishes between acceptance and drawing; a stack with room for two is expected. */
export function removedModelCases(worldOf: () => ModelWorld): void {
  /** The API knows a list that was just read a moment later than the database. */
  const post = (model: string, params: object): Promise<string> =>
    until('the job is accepted', async () => {
      const posted = await postJobs(worldOf().stack.url, {
        $type: 'textToImage',
        model,
        params: { prompt: 'a lighthouse', width: 64, height: 64, cfgScale: 7, seed: -1, ...params },
      });
      if (posted.status !== 202) throw new Error(posted.text);
      return posted.jobIds[0];
    });
  const cancel = async (jobId: string): Promise<void> => {
    const path = `${worldOf().stack.url}/v1/consumer/jobs/${jobId}`;
    expect((await fetch(path, { method: 'DELETE' })).status).toBe(200);
  };
  /** Where the jobs stand on the server; which of two comes first is not promised. */
  const untilOnServer = (jobIds: readonly string[], states: readonly string[]): Promise<boolean> =>
    until(
      `jobs ${jobIds.join(', ')} are ${states.join(', ')} on the server`,
      async () => {
        const { executor } = worldOf();
        const found = await Promise.all(jobIds.map((id) => executor.find(promptIdFor(id, 1, 1))));
        const seen = found.map(({ state }) => state).sort();
        if (seen.join() === states.join()) return true;
        throw new Error(`they are ${seen.join(', ')}`);
      },
      PATIENCE_MS,
    );
  /** Whether the fleet's list, as the product last read it, has the file. */
  const isListed = async (fileName: string): Promise<boolean> => {
    const rows = await worldOf().stack.sql<{ files: Record<string, string[]> }[]>`
      select files from servers`;
    return rows.some(({ files }) => files['checkpoints']?.includes(fileName));
  };
  const addListed = async (fileName: string): Promise<string> => {
    await worldOf().add(fileName);
    await until(`${fileName} is listed`, () => isListed(fileName));
    return registerCheckpoint(worldOf().stack.url, fileName);
  };
  /** The job ended at once: with its reason, in its first attempt, no activity tried twice. */
  const expectMissing = async (jobId: string, fileName: string): Promise<void> => {
    const { stack } = worldOf();
    const row = await untilState(stack, jobId, 'failed');
    expect(row.failure).toMatchObject({ code: 'model_missing' });
    expect(row.failure?.message).toContain(fileName);
    expect(row.failure?.message).toContain('checkpoints');
    expect(row.attempt).toBe(1);
    const last = async () => (await eventTypes(stack, jobId)).at(-1) === 'Failed';
    await until('its events end with Failed', last);
    const history = await readRunHistory(stack.client, jobId);
    const tries = history?.events.flatMap(
      (event) => event.activityTaskStartedEventAttributes?.attempt ?? [],
    );
    expect(new Set(tries)).toEqual(new Set([1]));
    expect(await leasesOf(stack, jobId)).toEqual([]);
  };

  it('that is not listed is refused at POST, with its name and folder', async () => {
    const { stack } = worldOf();
    const fileName = 'sub/not there.safetensors';
    const model = await registerCheckpoint(stack.url, fileName);
    const params = { prompt: 'a', width: 64, height: 64, steps: 1 };
    const posted = await postJobs(stack.url, { $type: 'textToImage', model, params });
    expect(posted.status).toBe(400);
    expect(posted.text).toContain('resource_unavailable');
    expect(posted.text).toContain(`looked in checkpoints of 'local' for '${fileName}'`);
  });

  it.each([
    ['before the product has read the new list', false],
    ['and the product has read the new list', true],
  ])('that is removed while its job waits for a server, %s, ends the job', async (_, isKnown) => {
    const world = worldOf();
    const fileName = `waits-${isKnown}.safetensors`;
    const model = await addListed(fileName);
    const others = [await post(world.model, world.slow), await post(world.model, world.slow)];
    await untilOnServer(others, ['queued', 'running']);
    const jobId = await post(model, { steps: 1 });
    await world.remove(fileName);
    if (isKnown) await until(`${fileName} is not listed`, async () => !(await isListed(fileName)));
    for (const other of others) await cancel(other);
    await expectMissing(jobId, fileName);
  });

  it("that is removed while its job is in ComfyUI's queue ends the job", async () => {
    const world = worldOf();
    const fileName = 'queued.safetensors';
    const model = await addListed(fileName);
    const other = await post(world.model, world.slow);
    await untilOnServer([other], ['running']);
    const jobId = await post(model, { steps: 1 });
    await untilOnServer([jobId], ['queued']);
    await world.removeBeforeLoading(fileName);
    await cancel(other);
    await expectMissing(jobId, fileName);
  });
}
