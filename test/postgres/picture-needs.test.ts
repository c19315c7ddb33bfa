/** Files and nodes of pictures with ControlNets, upscaler and refiner, as placement and prepare read them. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findJobNeeds } from '../../src/db/job-needs.ts';
import { createJobStore } from '../../src/db/jobs.ts';
import { createResourceStore } from '../../src/db/resources.ts';
import { airsOf } from '../../src/domain/job-needs.ts';
import type { ControlNet, TextToImage } from '../../src/domain/generation.ts';
import { createServerFit } from '../../src/ecosystems/server-fit.ts';
import type { Placer } from '../../src/workers/placer.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { newJobRow } from '../support/jobs.ts';
import { claimOf, createTestPlacer } from '../support/placer.ts';

const MODEL = 'urn:air:sdxl:checkpoint:civitai:1@910001';
const REFINER = 'urn:air:sdxl:checkpoint:civitai:1@910002';
const UPSCALER = 'urn:air:other:upscaler:civitai:2@920001';
const CONTROL = 'urn:air:sdxl:controlnet:civitai:3@930001';
const IMAGE = { url: 'https://example.org/a.png' };
const control = (change: Partial<ControlNet> = {}): ControlNet => ({
  ...{ preprocessor: 'DepthZoe', weight: 1, start: 0, end: 1, image: IMAGE },
  ...change,
});

let database: TestDatabase;
const placers: Placer[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.sql`truncate jobs, servers, leases, job_runs, resources cascade`;
});
afterEach(() => {
  for (const placer of placers.splice(0)) placer.close();
});

const insertJob = async (change: Partial<TextToImage>): Promise<string> => {
  const job = newJobRow();
  const generation = {
    ...{ ...job.generation, ecosystem: 'sdxl', model: MODEL, networks: [] },
    ...change,
  } as TextToImage;
  await createJobStore(database.sql).insertJobs([{ ...job, generation }]);
  return job.id;
};

describe('a job', () => {
  it('needs every resource it names, with the file names of its tenant only', async () => {
    const resources = createResourceStore(database.sql);
    for (const [tenant, air] of [
      ...[MODEL, REFINER, UPSCALER, CONTROL].map((one) => ['local', one] as const),
      ['other', CONTROL] as const,
    ]) {
      const fileName = `${tenant}-${air.split('@')[1] ?? ''}.pth`;
      await resources.insertResource(tenant, {
        ...{ air, modelName: 'x', type: 'x', fileName, details: {} },
      });
    }
    const change = {
      controlNets: [control(), control({ model: CONTROL })],
      hires: { scale: 2, denoise: 0, upscaler: UPSCALER },
      refiner: { model: REFINER, switchAt: 0.8 },
    };
    const needs = await findJobNeeds(database.sql, await insertJob(change));
    if (!needs) throw new Error('the job is gone');
    expect(needs.shape).toMatchObject(change);
    expect(Object.keys(needs.resources).sort()).toEqual([...airsOf(needs.shape)].sort());
    expect(needs.resources[CONTROL]?.fileName).toBe('local-930001.pth');
    const plain = await findJobNeeds(database.sql, await insertJob({}));
    expect(Object.keys(plain?.resources ?? {})).toEqual([MODEL]);
  });

  it('goes to a server that has ControlNet and preprocessor, upscaler and refiner', async () => {
    const { sql } = database;
    const checkpoints = ['910001.safetensors', '910002.safetensors'];
    const depth = { checkpoints, controlnet: ['diffusers_xl_depth_full.safetensors'] };
    const nodes = [
      ...['CheckpointLoaderSimple', 'CLIPTextEncode', 'EmptyLatentImage', 'KSampler', 'VAEDecode'],
      ...['SaveImage', 'LoadImage', 'ControlNetLoader', 'ControlNetApplyAdvanced'],
    ];
    await sql`
      insert into servers (id, pool, room, reachable, files, node_classes) values
        ('a', 'default', 1, true, ${sql.json(depth)}, ${nodes}),
        ('b', 'default', 1, true, ${sql.json({ checkpoints, upscale_models: ['920001.pth'] })}, ${[]}),
        ('c', 'default', 1, true, ${sql.json(depth)}, ${[...nodes, 'Zoe-DepthMapPreprocessor']})`;
    const placer = createTestPlacer(sql, { fit: createServerFit() });
    placers.push(placer);
    const serverFor = async (change: Partial<TextToImage>): Promise<string> => {
      const jobId = await insertJob(change);
      return (await placer.claim(claimOf(jobId), new AbortController().signal)).serverId;
    };
    expect(await serverFor({ controlNets: [control()] })).toBe('c');
    expect(await serverFor({ hires: { scale: 2, denoise: 0.5, upscaler: UPSCALER } })).toBe('b');
    await expect(
      serverFor({ controlNets: [control({ preprocessor: 'Rembg' })] }),
    ).rejects.toMatchObject({
      message: expect.stringMatching(/Rembg needs a ControlNet for sdxl/),
    });
  });
});

describe('the ControlNets of a catalogue', () => {
  it('are those of the tenant, the oldest first', async () => {
    const store = createResourceStore(database.sql);
    const add = (tenant: string, air: string) =>
      store.insertResource(tenant, { air, modelName: 'x', type: 'x', details: {} });
    const second = 'urn:air:sd1:controlnet:civitai:1@1';
    await add('t', CONTROL);
    await add('t', MODEL);
    await add('t', second);
    await add('other', 'urn:air:sd1:controlnet:civitai:9@9');
    expect((await store.listControlNets('t')).map(({ air }) => air)).toEqual([CONTROL, second]);
    expect(await store.listControlNets('nobody')).toEqual([]);
  });
});
