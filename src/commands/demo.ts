/** `demo`: the shortest way from nothing to a picture, through the official client. */
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type * as civitai from 'civitai';
import { inspectFile } from '../activities/output-inspector.ts';
import { loadConfig } from '../config.ts';
import { OrchestratorError, messageOf } from '../errors.ts';
import type { Stack } from '../dev/stack.ts';
import { launchStack, partsTable, secondsSince, type LaunchOptions } from './launch.ts';

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

/**
 * Starts a stack of its own, submits a job with the npm client `civitai`, checks and keeps the picture, prints its
 * timeline, stops everything. Throws when any of that fails.
 */
export async function runDemo(options: LaunchOptions, out: string): Promise<void> {
  const { print } = options;
  const env = { ...options.env, DATA_DIR: join(options.config.DATA_DIR, 'demo'), AUTH: 'open' };
  const abort = new AbortController();
  const stopped = new OrchestratorError('unavailable', 'Stopped before the picture was there.');
  const onSignal = (): void => abort.abort(stopped);
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  process.on('SIGHUP', onSignal);
  print('Starting PostgreSQL, Temporal, a ComfyUI simulator, the API and the workers …');
  const startedAtMs = Date.now();
  const stack = await launchStack({ ...options, env, config: loadConfig(env) }, abort.signal);
  try {
    for (const line of partsTable(stack.parts)) print(line);
    print(`Ready in ${secondsSince(startedAtMs)}.\n`);
    await draw(stack, print, out, abort.signal);
  } finally {
    await stack.stop();
    print('\nEverything is stopped.');
  }
  print('Next: npm start keeps it up; http://localhost:3000/docs then shows every call.');
}

async function draw(
  stack: Stack,
  print: (line: string) => void,
  out: string,
  signal: AbortSignal,
): Promise<void> {
  const { params } = REQUEST;
  print(`Submitting a job with the official client: “${params.prompt}”`);
  const submittedAtMs = Date.now();
  const jobId = await submit(stack.url);
  const result = await untilDrawn(stack.url, jobId, signal);
  const bytes = Buffer.from(await (await get(result.blobUrl)).arrayBuffer());
  const { contentType, width, height } = inspectFile(out, bytes);
  if (width !== params.width || height !== params.height || result.seed !== params.seed)
    throw new OrchestratorError(
      'output_invalid',
      `Got ${contentType} ${width}×${height} with seed ${result.seed}, asked for ${params.width}×${params.height} with seed ${params.seed}.`,
    );
  await writeFile(out, bytes);
  const size = `${width}×${height}, ${Math.round(bytes.length / 1_000)} kB`;
  print(
    `Picture after ${secondsSince(submittedAtMs)}: ${shortPath(out)} (${contentType}, ${size})`,
  );
  await printTimeline(stack, jobId, print);
}

/** As a person would type it from here. */
const shortPath = (file: string): string => {
  const short = relative(process.cwd(), file);
  return short.startsWith('..') ? file : short;
};

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
  const answer = (await withoutClientLog(() => client.image.fromText(REQUEST))) as {
    jobs?: { jobId?: string }[];
  };
  const jobId = answer.jobs?.[0]?.jobId;
  if (jobId === undefined)
    throw new OrchestratorError('internal', `The client got no job: ${JSON.stringify(answer)}`);
  return jobId;
}

/** The client prints its whole input; the line above says it shorter. */
async function withoutClientLog<T>(run: () => Promise<T>): Promise<T> {
  const { console } = globalThis;
  const { log } = console;
  console.log = () => undefined;
  try {
    return await run();
  } finally {
    console.log = log;
  }
}

interface WireJob {
  readonly result?: { readonly blobUrl?: string; readonly seed: number };
  readonly scheduled: boolean;
  readonly lastEvent?: unknown;
}

async function untilDrawn(
  url: string,
  jobId: string,
  signal: AbortSignal,
): Promise<{ blobUrl: string; seed: number }> {
  const deadline = Date.now() + JOB_DEADLINE_MS;
  for (;;) {
    signal.throwIfAborted();
    const job = (await (await get(`${url}/v1/consumer/jobs/${jobId}`)).json()) as WireJob;
    if (job.result?.blobUrl) return { blobUrl: job.result.blobUrl, seed: job.result.seed };
    if (!job.scheduled)
      throw new OrchestratorError('internal', `No picture: ${JSON.stringify(job.lastEvent)}`);
    if (Date.now() > deadline)
      throw new OrchestratorError(
        'internal',
        `No picture after ${JOB_DEADLINE_MS / 1_000} s. Parts: ${await (await fetch(`${url}/ready`)).text()}`,
      );
    await delay(100);
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
  print(`\nTimeline of job ${jobId}, as Temporal recorded it:`);
  for (const { dateTime, type, stage = '', worker } of events) {
    const at = `+${((Date.parse(dateTime) - first) / 1_000).toFixed(3)} s`.padStart(10);
    const who = worker ? `by ${worker}` : '';
    print(`  ${at}  ${type.padEnd(11)}  ${stage.padEnd(15)}  ${who}`.trimEnd());
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
