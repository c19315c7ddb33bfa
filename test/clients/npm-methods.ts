import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ClientStack } from '../support/client-stack.ts';
import { officialPackage } from './readme-programs.ts';

type Answer = Record<string, unknown> & { token?: string; jobs?: Record<string, unknown>[] };

const { Civitai, OpenAPI, CoverageService, ConsumptionService, JobsService } = officialPackage;

const JOB = {
  model: 'urn:air:sd1:checkpoint:civitai:4384@128713',
  params: { prompt: 'a fox', width: 64, height: 64, steps: 1, cfgScale: 7 },
};

const GRAPH = {
  '1': { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: '@civitai/128713' } },
  '2': { class_type: 'EmptyLatentImage', inputs: { width: 64, height: 64, batch_size: 1 } },
  '3': { class_type: 'VAEDecode', inputs: { samples: ['2', 0], vae: ['1', 2] } },
  '4': { class_type: 'SaveImage', inputs: { images: ['3', 0], filename_prefix: 'fox' } },
};

/** What there is to call: the client's methods, and the services it exports besides. */
function methodsOf(client: InstanceType<typeof Civitai>): string[] {
  const groups = Object.entries(client).flatMap(([group, calls]) =>
    Object.keys(calls as object).map((name) => `${group}.${name}`),
  );
  const services = { JobsService, CoverageService, ConsumptionService };
  const low = Object.entries(services).flatMap(([name, service]) =>
    Object.getOwnPropertyNames(service)
      .filter((member) => !['length', 'name', 'prototype'].includes(member))
      .map((member) => `${name}.${member}`),
  );
  return [...groups, ...low].sort();
}

/** The npm client `civitai`: every method it has, and the services it exports besides. */
export function describeNpmMethods(stackOf: () => ClientStack): void {
  beforeEach(() => {
    for (const method of ['log', 'error'] as const)
      vi.spyOn(console, method).mockImplementation(() => undefined);
  });
  afterEach(() => vi.restoreAllMocks());

  describe.each(['open', 'keys'] as const)('every method of the npm client, AUTH=%s', (auth) => {
    let client: InstanceType<typeof Civitai>;
    const called = new Set<string>();
    beforeEach(() => {
      const { url, key } = stackOf().access[auth];
      client = new Civitai({ auth: key });
      OpenAPI.BASE = url;
    });
    /** Notes the name of the method; the compiler checks nothing of it. */
    const call = async <T>(name: string, calling: Promise<unknown>): Promise<T> => {
      called.add(name);
      return (await calling) as T;
    };
    const submit = (properties: Record<string, unknown> = {}): Promise<Answer> =>
      call('image.fromText', client.image.fromText({ ...JOB, properties }));
    const idOf = (answer: Answer): string => String(answer.jobs?.[0]?.['jobId']);

    it('draws from text and from a graph', async () => {
      const drawn = await call<Answer>('image.fromText', client.image.fromText(JOB, true));
      expect(drawn.jobs?.[0]?.['result']).toMatchObject({ jobs: [{ scheduled: false }] });
      const graph = { params: { workflow: GRAPH } } as never;
      const comfy = await call<Answer>('image.fromComfy', client.image.fromComfy(graph, true));
      const polled = comfy.jobs?.[0]?.['result'] as Answer;
      expect(polled.jobs?.[0]?.['result']).toMatchObject({ available: true });
    });

    it('reads, asks for and cancels jobs', async () => {
      const made = await submit({ userId: 4, round: auth });
      const jobId = idOf(made);
      const { token = '' } = made;
      expect(await call('jobs.getById', client.jobs.getById(jobId))).toMatchObject({ jobId });
      expect(await call('jobs.getByToken', client.jobs.getByToken(token))).toMatchObject({
        jobs: [{ jobId }],
      });
      const query = { properties: { round: auth } };
      const found = await call<Answer>('jobs.getByQuery', client.jobs.getByQuery(query, true));
      expect(found.jobs).toMatchObject([{ jobId, job: { type: 'TextToImageV2' } }]);
      expect(await call('jobs.cancel', client.jobs.cancel(jobId))).toMatchObject({ status: 200 });
      const nobody = client.jobs.getById('00000000-0000-4000-8000-000000000000');
      await expect(nobody).rejects.toMatchObject({ status: 404, body: { status: 404 } });
    });

    it('tells which models can be used', async () => {
      const airs = [JOB.model, '@civitai/87153', 'civitai:1@2'];
      expect(await call('models.get', client.models.get(airs))).toEqual({
        [JOB.model]: { availability: 'Available', workers: 1 },
        '@civitai/87153': { availability: 'Available', workers: 1 },
        'civitai:1@2': { availability: 'Unknown', workers: 0 },
      });
      const low = CoverageService.getV1ConsumerCoverage([JOB.model] as never);
      expect(await call('CoverageService.getV1ConsumerCoverage', low)).toHaveProperty([JOB.model]);
    });

    it('has the generated calls of jobs', async () => {
      const list = { jobs: [{ $type: 'textToImage', ...JOB, properties: { low: auth } }] } as never;
      const made = await call<Answer>(
        'JobsService.postV1ConsumerJobs',
        JobsService.postV1ConsumerJobs(true, true, list),
      );
      const { token = '' } = made;
      const jobId = idOf(made);
      expect(made).toMatchObject({ jobs: [{ scheduled: false, job: { id: jobId } }] });
      for (const [name, calling] of [
        ['getV1ConsumerJobs', JobsService.getV1ConsumerJobs(token, false, true)],
        [
          'postV1ConsumerJobsQuery',
          JobsService.postV1ConsumerJobsQuery(true, { properties: { low: auth } }),
        ],
      ] as const)
        expect(await call(`JobsService.${name}`, calling)).toMatchObject({ jobs: [{ jobId }] });
      expect(
        await call('JobsService.getV1ConsumerJobs1', JobsService.getV1ConsumerJobs1(jobId, true)),
      ).toMatchObject({ jobId, job: { id: jobId } });
      const reason = { reason: 'not a fox', context: { by: 'a test' } };
      const tainted = JobsService.putV1ConsumerJobs(token, reason);
      expect(await call('JobsService.putV1ConsumerJobs', tainted)).toEqual({ jobs: 1 });
      await call('JobsService.putV1ConsumerJobs1', JobsService.putV1ConsumerJobs1(jobId, reason));
      await call(
        'JobsService.deleteV1ConsumerJobs1',
        JobsService.deleteV1ConsumerJobs1(jobId, true),
      );
      await call('JobsService.deleteV1ConsumerJobs', JobsService.deleteV1ConsumerJobs(token, true));
    });

    it('counts what was used', async () => {
      const day = 86_400_000;
      const dates = [Date.now() - day, Date.now() + day].map((at) => new Date(at).toISOString());
      const used = ConsumptionService.getV1ConsumerConsumption(...(dates as [string, string]));
      const details = await call<Answer>('ConsumptionService.getV1ConsumerConsumption', used);
      expect(details['images']).toBeGreaterThanOrEqual(2);
      expect(details['totalCost']).toBeGreaterThan(0);
    });

    it('has no method that was not called here', () => {
      expect([...called].sort()).toEqual(methodsOf(client));
    });
  });
}
