/** What is decided once, when a job is accepted, and shown to the client: seed, scheduler, defaults, ecosystem. */
import { describe, expect, it } from 'vitest';
import type { JobStatus, JobStatusCollection } from '../contract/v1/job-status.ts';
import { GENERATION_DEFAULTS } from '../domain/generation-defaults.ts';
import { ECOSYSTEMS } from '../domain/generation.ts';
import { comfySampling, SCHEDULERS } from '../domain/schedulers.ts';
import { JOBS, read, submitted, pictureOf } from './job-calls.test-support.ts';
import {
  acceptedGeneration,
  airsOf,
  apiWith,
  filesOf,
  graphOf,
} from './request-graph.test-support.ts';
import { createTestApi, validJob } from './test-api.test-support.ts';

const files = filesOf(false);
const SIZE = { prompt: 'a fox', width: 512, height: 512 };

describe('the seed', () => {
  it.each([-1, undefined, null])(
    '%s becomes one number that every answer and the graph have',
    async (seed) => {
      const api = apiWith({ ecosystem: 'sd1', files });
      const request = validJob({ model: airsOf('sd1').model, params: { ...SIZE, seed } });
      const answer = await read<JobStatusCollection>(
        await api.send('POST', `${JOBS}?detailed=true`, request),
      );
      const [job] = answer.jobs;
      const [row] = api.orchestrator.rows.values();
      const drawn = pictureOf(row).seed;
      expect(drawn).toBeGreaterThanOrEqual(0);
      expect(drawn).toBeLessThan(2 ** 32);
      expect(job?.result).toMatchObject({ seed: drawn });
      expect(job?.job?.['params']).toMatchObject({ seed: drawn });
      const again = await read<JobStatus>(await api.send('GET', `${JOBS}/${job?.jobId}`));
      expect(again.result).toMatchObject({ seed: drawn });
      if (!row) throw new Error('no job was stored');
      expect(graphOf(pictureOf(row), files)['sampler']?.inputs['seed']).toBe(drawn);
    },
  );
});

describe('the ecosystem', () => {
  it.each([
    ['sd1', 'SDXL', 'sd1'],
    ['sdxl', 'SD_1_5', 'sdxl'],
    ['pony', 'SD_1_5', 'sdxl'],
    ['illustrious', 'SD_1_5', 'sdxl'],
    ['noobai', 'SD_1_5', 'sdxl'],
    ['sd3', 'SD_1_5', 'sd3'],
    ['sd3_5m', 'SDXL', 'sd3'],
    ['flux1', 'SD_1_5', 'flux1'],
    ['fluxkrea', 'SDXL', 'flux1'],
  ])('of a %s model is that of its AIR, not baseModel %s', async (ecosystem, baseModel, root) => {
    const api = apiWith({ ecosystem, files });
    const request = validJob({ model: airsOf(ecosystem).model, baseModel });
    expect((await acceptedGeneration(api, request)).ecosystem).toBe(root);
    // Found by its id, whatever the client guessed before it.
    const guessed = validJob({ model: 'urn:air:sd1:checkpoint:civitai:1@10001', baseModel });
    expect((await acceptedGeneration(api, guessed)).ecosystem).toBe(root);
  });
});

describe('what a request leaves out', () => {
  it.each(ECOSYSTEMS)('gets the values %s was published with, and they are shown', async (name) => {
    const api = apiWith({ ecosystem: name, files });
    const { collection } = await submitted(
      api,
      validJob({ model: airsOf(name).model, params: SIZE }),
      '?detailed=true',
    );
    const expected = { ...GENERATION_DEFAULTS[name], clipSkip: 1, negativePrompt: '' };
    expect(collection.jobs[0]?.job?.['params']).toMatchObject(expected);
  });
});

describe('the scheduler', () => {
  it.each(SCHEDULERS)('%s reaches the sampler in any casing', async (scheduler) => {
    const api = apiWith({ ecosystem: 'sdxl', files });
    const { sampler, scheduler: schedule } = comfySampling(scheduler);
    for (const spelling of [scheduler, scheduler.toLowerCase()]) {
      const params = { ...SIZE, scheduler: spelling };
      const request = validJob({ model: airsOf('sdxl').model, params });
      const graph = graphOf(await acceptedGeneration(api, request), files);
      expect(graph['sampler']?.inputs).toMatchObject({
        sampler_name: sampler,
        scheduler: schedule,
      });
    }
  });

  it.each(['PLMS', 'plms'])('%s is substituted, and the job says so', async (scheduler) => {
    const { collection } = await submitted(
      createTestApi(),
      validJob({ params: { ...SIZE, scheduler } }),
    );
    expect(collection.jobs[0]?.lastEvent.context['scheduler_substituted']).toContain('no PLMS');
  });

  it('is not called substituted when it is not', async () => {
    const { collection } = await submitted();
    expect(collection.jobs[0]?.lastEvent.context).not.toHaveProperty('scheduler_substituted');
  });
});
