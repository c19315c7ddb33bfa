import type { ClientStack } from '../support/client-stack.ts';
import { until } from '../support/until.ts';

/** An answer of the API as it came over the wire. */
export interface WireAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: unknown;
}

interface Status {
  readonly jobId: string;
  readonly lastEvent: { readonly type: string };
  readonly result?: { readonly blobKey: string };
}
interface Collection {
  readonly jobId: string;
  readonly token: string;
  readonly jobs: readonly Status[];
}

const MODEL = 'urn:air:sd1:checkpoint:civitai:4384@128713';
const LORA = 'urn:air:sd1:lora:civitai:82098@87153';
const NOBODY = '00000000-0000-4000-8000-000000000000';
const JOBS = '/v1/consumer/jobs';

const JOB = {
  $type: 'textToImage',
  model: MODEL,
  params: {
    ...{ prompt: 'a fox', negativePrompt: 'blurry', scheduler: 'EulerA', steps: 2, cfgScale: 7 },
    ...{ width: 64, height: 64, seed: -1, clipSkip: 1 },
  },
  additionalNetworks: { [LORA]: { strength: 0.5 } },
  properties: { userId: 4 },
};

const GRAPH = {
  '1': { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: '@civitai/128713' } },
  '2': { class_type: 'EmptyLatentImage', inputs: { width: 64, height: 64, batch_size: 1 } },
  '3': { class_type: 'VAEDecode', inputs: { samples: ['2', 0], vae: ['1', 2] } },
  '4': { class_type: 'SaveImage', inputs: { images: ['3', 0], filename_prefix: 'fox' } },
};

const RESOURCE_DETAILS = {
  ...{ versionName: 'v1', size: 306_429_952, downloadUrls: ['https://example.com/87153'] },
  hashes: {
    AutoV1: 'A',
    AutoV2: 'B',
    AutoV3: 'C',
    CRC32: 'D',
    SHA256: 'E'.repeat(64),
    BLAKE3: 'F'.repeat(64),
  },
  publishedAt: '2024-10-09T11:54:46.826Z',
};

export type WireAnswers = Awaited<ReturnType<typeof gatherAnswers>>;

/** Answers of every v1 call that Civitai documents, with jobs in each state they can be in. */
export async function gatherAnswers(stack: ClientStack, auth: 'open' | 'keys' = 'open') {
  const { url, key } = stack.access[auth];
  const call = async (method: string, path: string, body?: unknown): Promise<WireAnswer> => {
    const response = await fetch(url + path, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const contentType = response.headers.get('content-type') ?? '';
    return {
      status: response.status,
      contentType,
      body: text === '' ? undefined : JSON.parse(text),
    };
  };
  const get = (path: string): Promise<WireAnswer> => call('GET', path);
  const read = async (jobId: string): Promise<Status> =>
    (await get(`${JOBS}/${jobId}`)).body as Status;
  const post = async (
    query = '',
    job: object = JOB,
  ): Promise<{ answer: WireAnswer; made: Collection }> => {
    const answer = await call('POST', JOBS + query, job);
    return { answer, made: answer.body as Collection };
  };
  const detailed = (jobId: string): Promise<WireAnswer> => get(`${JOBS}/${jobId}?detailed=true`);

  stack.simulator.pauseDrawing(true);
  const first = await post('?detailed=true');
  await until('the job is on a server', async () =>
    ['Claimed', 'Updated'].includes((await read(first.made.jobId)).lastEvent.type),
  );
  const others = (await Promise.all([post(), post(), post()])).map(({ made }) => made.jobId);
  const states = await Promise.all(others.map((jobId) => read(jobId)));
  const waiting = states.find(({ lastEvent }) => lastEvent.type === 'Initialized')?.jobId ?? '';
  const active = {
    submitted: first.answer,
    claimed: await detailed(first.made.jobId),
    waiting: await detailed(waiting),
    collection: await get(`${JOBS}?token=${encodeURIComponent(first.made.token)}&detailed=true`),
    query: await call('POST', `${JOBS}/query?detailed=true`, { properties: { userId: 4 } }),
  };
  await Promise.all(others.map((jobId) => call('DELETE', `${JOBS}/${jobId}`)));
  stack.simulator.pauseDrawing(false);
  const done = await post('?wait=true&detailed=true');
  const { blobKey } = done.made.jobs[0]?.result ?? {};
  const graph = await post('?wait=true', { $type: 'comfy', params: { workflow: GRAPH } });
  const edges = { $type: 'imageTransform', transformer: 'Canny', blobKey };
  const transformed = await post('?wait=true', edges);
  stack.simulator.fault({ kind: 'fail-node' });
  const failed = await post('?wait=true');
  await call('PATCH', `/v2/resources/${LORA}`, RESOURCE_DETAILS);
  const token = encodeURIComponent(done.made.token);
  return {
    statuses: {
      claimed: active.claimed,
      waiting: active.waiting,
      succeeded: await get(`${JOBS}/${done.made.jobId}`),
      'succeeded, detailed': await detailed(done.made.jobId),
      cancelled: await detailed(waiting),
      failed: await detailed(failed.made.jobId),
      comfy: await detailed(graph.made.jobId),
      imageTransform: await detailed(transformed.made.jobId),
    },
    collections: {
      submitted: active.submitted,
      active: active.collection,
      waited: done.answer,
      failed: failed.answer,
      read: await get(`${JOBS}?token=${token}`),
    },
    queries: { active: active.query },
    taints: { byToken: await call('PUT', `${JOBS}?token=${token}`, { reason: 'a test' }) },
    consumption: { ever: await get('/v1/consumer/consumption') },
    coverage: await get(`/v1/consumer/coverage?model=${MODEL}&model=civitai:1@2`),
    resource: await get(`/v2/resources/${LORA}?shape=ResourceInfo`),
    problems: {
      invalid: await call('POST', JOBS, { ...JOB, params: {} }),
      unknown: await get(`${JOBS}/${NOBODY}`),
      unknownTaint: await call('PUT', `${JOBS}/${NOBODY}`, {}),
      unknownCancel: await call('DELETE', `${JOBS}/${NOBODY}`),
    },
  };
}
