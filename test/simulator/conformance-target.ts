/** The server a conformance test talks to: a real one when COMFY_CONFORMANCE_URL names it, else a simulator of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSimulator } from '../../src/executors/simulator/server.ts';

export const realUrl = process.env['COMFY_CONFORMANCE_URL'];

/** Names of the tiny models that a server for these tests has. */
export const TINY_MODELS = {
  checkpoints: ['tiny-sd15.safetensors'],
  loras: ['tiny-lora.safetensors'],
  vae: ['tiny-vae.safetensors'],
  embeddings: ['tiny-embed.safetensors'],
  controlnet: ['tiny-controlnet.safetensors'],
  upscale_models: ['tiny-x2.safetensors'],
};

export interface Target {
  readonly url: string;
  readonly wsUrl: string;
  release(): Promise<void>;
}

/** Steps of the simulator take a while, so that things can happen in between. */
export const openTarget = async (): Promise<Target> => {
  if (realUrl !== undefined) {
    const wsUrl = `${realUrl.replace(/^http/, 'ws')}/ws`;
    return { url: realUrl, wsUrl, release: () => Promise.resolve() };
  }
  const dataDir = await mkdtemp(join(tmpdir(), 'comfy-target-'));
  const simulator = await startSimulator({ port: 0, dataDir, models: TINY_MODELS, stepMs: 20 });
  const release = async (): Promise<void> => {
    await simulator.close();
    await rm(dataDir, { recursive: true, force: true });
  };
  return { url: simulator.url, wsUrl: simulator.wsUrl, release };
};
