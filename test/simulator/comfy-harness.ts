/** Graphs, loggers and collectors shared by the tests of the ComfyUI client. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Graph } from '../../src/domain/graphs/graph.ts';
import { createComfyExecutor } from '../../src/executors/comfyui/executor.ts';
import type { ComfyExecutorOptions } from '../../src/executors/comfyui/executor.ts';
import { DEFAULT_MODELS } from '../../src/executors/simulator/models.ts';
import { type Simulator, startSimulator } from '../../src/executors/simulator/server.ts';
import type { Executor, Logger, Progress, PromptState } from '../../src/ports.ts';
import { lastingPort } from '../support/lasting-port.ts';

const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};

/** A graph of `assets/graphs`, with inputs replaced per node. */
export const graphOf = (
  name: string,
  changes: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {},
): Graph => {
  const url = new URL(`../../assets/graphs/${name}.json`, import.meta.url);
  const graph = JSON.parse(readFileSync(url, 'utf8')) as Graph;
  for (const [nodeId, inputs] of Object.entries(changes)) {
    Object.assign(graph[nodeId]?.inputs ?? {}, inputs);
  }
  return graph;
};

/** A simulator that takes some time for a step, with the model of the graphs; `release` also removes its files. */
export const startTestSimulator = async (
  given?: number,
): Promise<Simulator & { release(): Promise<void> }> => {
  const port = given ?? (await lastingPort());
  const dataDir = await mkdtemp(join(tmpdir(), 'comfy-simulator-'));
  const models = { ...DEFAULT_MODELS, checkpoints: ['tiny-sd15.safetensors'] };
  const simulator = await startSimulator({ port, dataDir, models, stepMs: 20 });
  const release = async (): Promise<void> => {
    await simulator.close();
    await rm(dataDir, { recursive: true, force: true });
  };
  return { ...simulator, release };
};

/** Text to image whose result no cache can have; `steps` says how long it takes. */
export const pictureGraph = (
  steps: number,
  inputs: Readonly<Record<string, unknown>> = {},
): Graph =>
  graphOf('sd15-text-to-image', {
    '5': { steps, seed: Math.floor(Math.random() * 4_294_967_295), ...inputs },
    '7': { filename_prefix: `orchestrator/${randomUUID()}` },
  });

export const executorFor = (
  httpUrl: string,
  options: Partial<ComfyExecutorOptions> = {},
): Executor =>
  createComfyExecutor({
    serverId: 'under-test',
    httpUrl,
    clientId: randomUUID(),
    logger: silentLogger,
    pollMs: 200,
    ...options,
  });

export const submitNew = async (executor: Executor, graph: Graph): Promise<string> => {
  const promptId = randomUUID();
  await executor.submit({ promptId, graph, traceId: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00` });
  return promptId;
};

export const watchToEnd = async (
  executor: Executor,
  promptId: string,
  onProgress?: (progress: Progress) => void,
): Promise<PromptState> =>
  executor.watch(promptId, {
    signal: AbortSignal.timeout(50_000),
    ...(onProgress === undefined ? {} : { onProgress }),
  });

/** Looks until the prompt is in the wanted state. */
export const untilState = async (
  executor: Executor,
  promptId: string,
  wanted: PromptState['state'],
): Promise<void> => {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const { state } = await executor.find(promptId);
    if (state === wanted) return;
    if (Date.now() > deadline) throw new Error(`prompt is ${state}, not ${wanted}, after 20 s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

export const bytesOf = async (stream: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
};

/** Width, height and pixel data of a PNG, without its metadata. */
export const readPng = (
  file: Buffer,
): { readonly width: number; readonly height: number; readonly pixels: Buffer } => {
  if (file.toString('latin1', 1, 4) !== 'PNG') throw new Error('no PNG signature');
  const data: Buffer[] = [];
  for (let at = 8; at < file.length;) {
    const length = file.readUInt32BE(at);
    if (file.toString('latin1', at + 4, at + 8) === 'IDAT') {
      data.push(file.subarray(at + 8, at + 8 + length));
    }
    at += 12 + length;
  }
  return {
    width: file.readUInt32BE(16),
    height: file.readUInt32BE(20),
    pixels: Buffer.concat(data),
  };
};
