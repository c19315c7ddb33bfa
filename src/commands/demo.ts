/** `demo`: the shortest way from nothing to a picture, through the official client. */
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type * as civitai from 'civitai';
import { inspectEnds } from '../activities/output-inspector.ts';
import { loadConfig } from '../config.ts';
import { OrchestratorError, messageOf } from '../errors.ts';
import type { Stack } from '../dev/stack.ts';
import { launchStack, type LaunchOptions } from './stack.ts';

const REQUEST = {
  model: 'urn:air:sdxl:checkpoint:civitai:101055@128078',
  params: {
    prompt: 'a lighthouse on a cliff at dusk, long exposure, soft light',
    negativePrompt: 'blurry',
    scheduler: 'EulerA',
    steps: 20,
    cfgScale: 7,
    width: 768,
    height: 512,
    seed: 2_076_391_464,
    clipSkip: 1,
  },
} as const;

/** Generous: a first run on a loaded machine. */
const JOB_DEADLINE_MS = 120_000;

interface WireEvent {
  readonly type: string;
  readonly stage?: string;
  readonly dateTime: string;
  readonly worker?: string;
  readonly context: Readonly<Record<string, unknown>>;
}

/** Starts a stack of its own, submits a job with the npm client `civitai`, checks and keeps the picture, prints its timeline, stops everything. Throws when any of that fails. */
export async function runDemo(options: LaunchOptions, out: string): Promise<void> {
  const { print } = options;
  const env = { ...options.env, DATA_DIR: join(options.config.DATA_DIR, 'demo'), AUTH: 'open' };
  const abort = new AbortController();
  const onSignal = (): void => abort.abort(new Error('stopped'));
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  print('Starting PostgreSQL, Temporal, a ComfyUI simulator, the API and the workers …');
  const startedAtMs = Date.now();
  const stack = await launchStack({ ...options, env, config: loadConfig(env) }, abort.signal);
  try {
    for (const part of stack.parts)
      print(`  ${part.name.padEnd(16)} ${part.address}  ${part.state}`);
    print(`Ready in ${seconds(startedAtMs)}.`);
    await Promise.race([
      draw(stack, options, out),
      new Promise((_, reject) => {
        abort.signal.addEventListener('abort', () => reject(abort.signal.reason as Error));
      }),
    ]);
  } finally {
    await stack.stop();
    print('Everything is stopped.');
  }
}

async function draw(stack: Stack, { print }: LaunchOptions, out: string): Promise<void> {
  print(`Submitting a job with the official client: ${REQUEST.params.prompt}`);
  const submittedAtMs = Date.now();
  const jobId = await submit(stack.url);
  const result = await untilDrawn(stack.url, jobId);
  const bytes = Buffer.from(await (await get(result.blobUrl)).arrayBuffer());
  const { contentType, width, height } = inspectEnds(
    out,
    bytes.subarray(0, 32),
    bytes.subarray(-12),
  );
  const { params } = REQUEST;
  if (width !== params.width || height !== params.height || result.seed !== params.seed)
    throw new OrchestratorError(
      'output_invalid',
      `Got ${contentType} ${width}×${height} with seed ${result.seed}, asked for ${params.width}×${params.height} with seed ${params.seed}.`,
    );
  await writeFile(out, bytes);
  print(
    `Picture after ${seconds(submittedAtMs)}: ${out} (${contentType}, ${width}×${height}, ${bytes.length} bytes).`,
  );
  await printTimeline(stack, jobId, print);
}

/** CommonJS: Node does not see all of its names in an `import`. */
function requireClient(): typeof civitai {
  try {
    return createRequire(import.meta.url)('civitai') as typeof civitai;
  } catch (error) {
    throw new OrchestratorError(
      'configuration',
      `The npm client 'civitai' is not installed (${messageOf(error)}). Run npm ci without --omit=dev.`,
    );
  }
}

/** The official client as people use it; only its base address is changed. */
async function submit(url: string): Promise<string> {
  const { Civitai, OpenAPI } = requireClient();
  const client = new Civitai({ auth: 'demo' });
  // The constructor sets it, so it has to be changed afterwards.
  OpenAPI.BASE = url;
  const answer = (await client.image.fromText(REQUEST)) as { jobs?: { jobId?: string }[] };
  const jobId = answer.jobs?.[0]?.jobId;
  if (jobId === undefined)
    throw new OrchestratorError('internal', `The client got no job: ${JSON.stringify(answer)}`);
  return jobId;
}

async function untilDrawn(url: string, jobId: string): Promise<{ blobUrl: string; seed: number }> {
  const deadline = Date.now() + JOB_DEADLINE_MS;
  for (;;) {
    const job = (await (await get(`${url}/v1/consumer/jobs/${jobId}`)).json()) as {
      result?: { blobUrl?: string; seed: number };
      scheduled: boolean;
      lastEvent?: { type: string; context?: unknown };
    };
    if (job.result?.blobUrl) return { blobUrl: job.result.blobUrl, seed: job.result.seed };
    if (!job.scheduled || Date.now() > deadline)
      throw new OrchestratorError('internal', `No picture: ${JSON.stringify(job.lastEvent)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function printTimeline(
  stack: Stack,
  jobId: string,
  print: (line: string) => void,
): Promise<void> {
  const answer = await get(`${stack.url}/v1/consumer/jobs/${jobId}/events`);
  const { events } = (await answer.json()) as { events: WireEvent[] };
  const first = Date.parse(events[0]?.dateTime ?? '');
  print(`Timeline of job ${jobId}, as Temporal recorded it:`);
  for (const event of events) {
    const at = `+${((Date.parse(event.dateTime) - first) / 1_000).toFixed(3)} s`.padStart(10);
    const worker = event.worker ? ` by ${event.worker}` : '';
    print(`  ${at}  ${event.type.padEnd(11)} ${(event.stage ?? '').padEnd(15)}${worker}`);
  }
  if (events.at(-1)?.type !== 'Succeeded')
    throw new OrchestratorError('internal', 'The timeline does not end with Succeeded.');
}

async function get(url: string): Promise<Response> {
  const response = await fetch(url);
  if (response.ok) return response;
  throw new OrchestratorError(
    'internal',
    `GET ${url} answered ${response.status}: ${await response.text()}`,
  );
}

const seconds = (sinceMs: number): string => `${((Date.now() - sinceMs) / 1_000).toFixed(1)} s`;
