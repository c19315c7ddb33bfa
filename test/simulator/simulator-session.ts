import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import WebSocket from 'ws';
import {
  startSimulator,
  type Simulator,
  type SimulatorOptions,
} from '../../src/executors/simulator/server.ts';

const CHECKPOINT = 'sd1/civitai/4384/128713.safetensors';
export const LORA = 'sd1/civitai/82098/87153.safetensors';

export type TestGraph = Record<string, { class_type: string; inputs: Record<string, unknown> }>;

/** A txt2img graph with every knob that reaches the sampler; `ModelSampling` nodes are not among them. */
export const textToImage = (
  change: Partial<{
    seed: unknown;
    steps: unknown;
    cfg: unknown;
    sampler: string;
    scheduler: string;
    denoise: number;
    prompt: string;
    negative: string;
    checkpoint: string;
    lora: string;
    strengthModel: number;
    strengthClip: number;
    clipSkip: number;
    width: number;
    height: number;
    batch: number;
    prefix: string;
  }> = {},
): TestGraph => ({
  '1': {
    class_type: 'CheckpointLoaderSimple',
    inputs: { ckpt_name: change.checkpoint ?? CHECKPOINT },
  },
  '10': {
    class_type: 'LoraLoader',
    inputs: {
      model: ['1', 0],
      clip: ['1', 1],
      lora_name: change.lora ?? LORA,
      strength_model: change.strengthModel ?? 0.8,
      strength_clip: change.strengthClip ?? 0.8,
    },
  },
  '11': {
    class_type: 'CLIPSetLastLayer',
    inputs: { clip: ['10', 1], stop_at_clip_layer: change.clipSkip ?? -2 },
  },
  '2': {
    class_type: 'CLIPTextEncode',
    inputs: { text: change.prompt ?? 'a quiet lake', clip: ['11', 0] },
  },
  '3': {
    class_type: 'CLIPTextEncode',
    inputs: { text: change.negative ?? 'blurry', clip: ['11', 0] },
  },
  '4': {
    class_type: 'EmptyLatentImage',
    inputs: {
      width: change.width ?? 64,
      height: change.height ?? 64,
      batch_size: change.batch ?? 1,
    },
  },
  '5': {
    class_type: 'KSampler',
    inputs: {
      model: ['10', 0],
      seed: change.seed ?? 42,
      steps: change.steps ?? 4,
      cfg: change.cfg ?? 7,
      sampler_name: change.sampler ?? 'euler',
      scheduler: change.scheduler ?? 'normal',
      positive: ['2', 0],
      negative: ['3', 0],
      latent_image: ['4', 0],
      denoise: change.denoise ?? 1,
    },
  },
  '6': { class_type: 'VAEDecode', inputs: { samples: ['5', 0], vae: ['1', 2] } },
  '7': {
    class_type: 'SaveImage',
    inputs: { images: ['6', 0], filename_prefix: change.prefix ?? 'test/image' },
  },
});

/** Images without any model, two output nodes. */
export const noWeights = (colour = 1193046): TestGraph => ({
  '1': {
    class_type: 'EmptyImage',
    inputs: { width: 256, height: 192, batch_size: 1, color: colour },
  },
  '2': { class_type: 'EmptyImage', inputs: { width: 128, height: 96, batch_size: 1, color: 255 } },
  '3': { class_type: 'SolidMask', inputs: { value: 0.6, width: 128, height: 96 } },
  '4': {
    class_type: 'ImageCompositeMasked',
    inputs: {
      destination: ['1', 0],
      source: ['2', 0],
      x: 64,
      y: 48,
      resize_source: false,
      mask: ['3', 0],
    },
  },
  '5': {
    class_type: 'ImageScale',
    inputs: {
      image: ['4', 0],
      upscale_method: 'lanczos',
      width: 320,
      height: 240,
      crop: 'disabled',
    },
  },
  '6': { class_type: 'SaveImage', inputs: { images: ['5', 0], filename_prefix: 'g1/out' } },
  '7': { class_type: 'MaskToImage', inputs: { mask: ['3', 0] } },
  '8': { class_type: 'PreviewImage', inputs: { images: ['7', 0] } },
});

/** Polls until `look` gives something. Throws after ten seconds. */
export const until = async <T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> => {
  for (const end = Date.now() + 30_000; Date.now() < end;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error('waited thirty seconds in vain');
};

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers are read field by field in asserts
export type Json = any;

export interface Reply {
  readonly status: number;
  readonly body: Json;
  readonly headers: Headers;
  readonly bytes: Buffer;
}

export const call = async (url: string, init?: RequestInit): Promise<Reply> => {
  const response = await fetch(url, init);
  const bytes = Buffer.from(await response.arrayBuffer());
  let body: Json = bytes.toString('utf8');
  try {
    body = JSON.parse(body as string);
  } catch {
    // Not every answer is JSON.
  }
  return { status: response.status, body, headers: response.headers, bytes };
};

export const post = (url: string, body: unknown): Promise<Reply> =>
  call(url, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) });

interface Frame {
  readonly type: string;
  readonly data: Json;
  readonly binary?: Buffer;
}

export interface Listener {
  readonly frames: Frame[];
  readonly types: () => string[];
  readonly send: (message: unknown) => void;
  readonly close: () => Promise<void>;
  readonly closed: () => boolean;
}

/** Opens a WebSocket and records every frame; resolves once the greeting came. */
export const listen = async (
  simulator: Pick<Simulator, 'wsUrl'>,
  clientId?: string,
): Promise<Listener> => {
  const query = clientId === undefined ? '' : `?clientId=${clientId}`;
  const socket = new WebSocket(`${simulator.wsUrl}${query}`);
  const frames: Frame[] = [];
  socket.on('message', (data: Buffer, binary: boolean) => {
    if (binary) frames.push({ type: `binary ${data.readUInt32BE(0)}`, data: {}, binary: data });
    else frames.push(JSON.parse(data.toString('utf8')) as Frame);
  });
  socket.on('error', () => undefined);
  await until(() => frames[0]);
  return {
    frames,
    types: () => frames.map((frame) => frame.type),
    send: (message) => {
      socket.send(typeof message === 'string' ? message : JSON.stringify(message));
    },
    close: async () => {
      socket.close();
      await until(() => (socket.readyState === WebSocket.CLOSED ? true : undefined));
    },
    closed: () => socket.readyState === WebSocket.CLOSED,
  };
};

export interface Session {
  readonly simulator: Simulator;
  readonly url: string;
  readonly dataDir: string;
  /** Posts a graph and returns its id; fails the test when it is refused. */
  submit(graph: TestGraph, more?: Record<string, unknown>): Promise<string>;
  /** The history entry, as soon as there is one. */
  finished(promptId: string): Promise<Json>;
  run(graph: TestGraph, more?: Record<string, unknown>): Promise<Json>;
  /** Bytes of the only file of a finished prompt's output node. */
  image(entry: Json, node?: string): Promise<Buffer>;
}

const sessionOf = (simulator: Simulator, dataDir: string): Session => {
  const { url } = simulator;
  const submit: Session['submit'] = async (graph, more = {}) => {
    const reply = await post(`${url}/prompt`, { prompt: graph, ...more });
    if (reply.status !== 200) throw new Error(`refused: ${JSON.stringify(reply.body)}`);
    return reply.body.prompt_id as string;
  };
  const finished: Session['finished'] = (promptId) =>
    until(async () => (await call(`${url}/history/${promptId}`)).body[promptId]);
  return {
    simulator,
    url,
    dataDir,
    submit,
    finished,
    run: async (graph, more) => finished(await submit(graph, more)),
    image: async (entry, node = '7') => {
      const file = entry.outputs[node].images[0] as Record<string, string>;
      const reply = await call(`${url}/view?${new URLSearchParams(file).toString()}`);
      if (reply.status !== 200) throw new Error(`view answered ${reply.status}`);
      return reply.bytes;
    },
  };
};

/** Runs `test` against a fresh simulator on a free port and an own folder; both are gone afterwards. */
export const withSimulator = async (
  options: Partial<SimulatorOptions>,
  test: (session: Session) => Promise<void>,
): Promise<void> => {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'simulator-')));
  const simulator = await startSimulator({ port: 0, ...options, dataDir });
  try {
    await test(sessionOf(simulator, dataDir));
  } finally {
    await simulator.close();
    if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
  }
};
