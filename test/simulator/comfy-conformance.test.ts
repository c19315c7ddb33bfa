/**
 * What a ComfyUI server does to the client: against the simulator, or against a real server when
 * COMFY_CONFORMANCE_URL names one (with `tiny-sd15.safetensors` among its checkpoints). Green on both means that the
 * simulator may stand in for the real one in the other tests.
 */
import { randomUUID } from 'node:crypto';
import { extname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Executor, OutputFile, PromptState } from '../../src/ports.ts';
import {
  bytesOf,
  executorFor,
  graphOf,
  pictureGraph,
  readPng,
  startTestSimulator,
  submitNew,
  untilState,
  watchToEnd,
} from './comfy-harness.ts';

const realUrl = process.env['COMFY_CONFORMANCE_URL'];
const slowGraph = () => pictureGraph(60);

const succeeded = (state: PromptState) => {
  if (state.state !== 'succeeded') throw new Error(`ended as ${JSON.stringify(state)}`);
  return state;
};
const only = (files: readonly OutputFile[]): OutputFile => {
  expect(files).toHaveLength(1);
  return files[0] as OutputFile;
};

describe(`a ComfyUI server (${realUrl ?? 'the simulator'})`, () => {
  let executor: Executor;
  let url = realUrl ?? '';
  const releases: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    if (realUrl === undefined) {
      const simulator = await startTestSimulator();
      releases.push(simulator.release);
      url = simulator.url;
    }
    executor = executorFor(url);
    releases.push(() => executor.close());
  });
  afterAll(async () => {
    for (const release of releases.reverse()) await release();
  });

  const fetched = async (file: OutputFile) => bytesOf(await executor.fetchOutput(file));

  it('gives the files of several output nodes in graph order', async () => {
    const color = Math.floor(Math.random() * 16_777_215);
    const graph = graphOf('images-and-mask', { '1': { color } });
    const end = succeeded(await watchToEnd(executor, await submitNew(executor, graph)));
    expect(end.outputs.map(({ nodeId, type }) => [nodeId, type])).toEqual([
      ['6', 'output'],
      ['8', 'temp'],
    ]);
    expect(end.outputs[0]?.subfolder).toBe('orchestrator');
    const [saved, preview] = await Promise.all(end.outputs.map(fetched));
    expect(readPng(saved as Buffer)).toMatchObject({ width: 320, height: 240 });
    expect(readPng(preview as Buffer)).toMatchObject({ width: 128, height: 96 });
  });

  it('answers an identical graph from its cache with the same file', async () => {
    const graph = pictureGraph(2);
    const first = succeeded(await watchToEnd(executor, await submitNew(executor, graph)));
    const again = succeeded(await watchToEnd(executor, await submitNew(executor, graph)));
    expect(again.outputs).toEqual(first.outputs);
    expect(again.cachedNodes).toBe(Object.keys(graph).length);
  });

  it('upscales through the VAE that needs no weights', async () => {
    const color = Math.floor(Math.random() * 16_777_215);
    const graph = graphOf('pixel-space-round-trip', {
      '2': { color },
      '7': { tile_size: 256 },
    });
    const end = succeeded(await watchToEnd(executor, await submitNew(executor, graph)));
    expect(readPng(await fetched(only(end.outputs)))).toMatchObject({ width: 768, height: 768 });
  });

  it('gives video, animation and latent files as outputs, too', async () => {
    const color = Math.floor(Math.random() * 16_777_215);
    const graph = graphOf('video-and-latent', { '1': { color } });
    const end = succeeded(await watchToEnd(executor, await submitNew(executor, graph)));
    expect(end.outputs.map(({ nodeId, filename }) => [nodeId, extname(filename)])).toEqual([
      ['5', '.mp4'],
      ['6', '.webp'],
      ['7', '.webm'],
      ['9', '.latent'],
    ]);
    const sizes = await Promise.all(end.outputs.map(async (file) => (await fetched(file)).length));
    expect(Math.min(...sizes)).toBeGreaterThan(0);
  });

  it('draws the same picture for the same seed and another one for another seed', async () => {
    const draw = async (seed: number) => {
      const promptId = await submitNew(executor, pictureGraph(3, { seed }));
      const end = succeeded(await watchToEnd(executor, promptId));
      return readPng(await fetched(only(end.outputs)));
    };
    const first = await draw(4_294_967_295);
    expect(first).toMatchObject({ width: 64, height: 64 });
    expect((await draw(4_294_967_295)).pixels.equals(first.pixels)).toBe(true);
    expect((await draw(7)).pixels.equals(first.pixels)).toBe(false);
  });

  it('reports progress that never falls and measures the run', async () => {
    const seen: number[] = [];
    const promptId = await submitNew(executor, slowGraph());
    const end = succeeded(await watchToEnd(executor, promptId, (p) => seen.push(p.fraction)));
    expect(seen.length).toBeGreaterThan(2);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBeLessThanOrEqual(1);
    expect(end.executionMs).toBeGreaterThan(0);
  });

  it('refuses a value out of range with node, class, input and value', async () => {
    const submit = submitNew(executor, pictureGraph(0));
    await expect(submit).rejects.toMatchObject({
      code: 'graph_refused',
      retryable: false,
      message: expect.stringMatching(/node 5 KSampler, input steps = 0: .*value_smaller_than_min/),
    });
  });

  it('refuses a class it does not have', async () => {
    const graph = pictureGraph(2);
    graph['6'] = { class_type: 'NoSuchNode', inputs: {} };
    await expect(submitNew(executor, graph)).rejects.toMatchObject({ code: 'graph_refused' });
  });

  it('refuses a link to nowhere', async () => {
    const submit = submitNew(executor, pictureGraph(2, { latent_image: ['99', 0] }));
    await expect(submit).rejects.toMatchObject({ code: 'graph_refused', retryable: false });
  });

  it('names the model file that it does not have', async () => {
    const graph = graphOf('sd15-text-to-image', { '1': { ckpt_name: 'nope.safetensors' } });
    await expect(submitNew(executor, graph)).rejects.toMatchObject({
      code: 'model_missing',
      retryable: false,
      message: expect.stringMatching(
        /node 1 CheckpointLoaderSimple, input ckpt_name = 'nope\.safetensors'/,
      ),
    });
  });

  it('leaves nothing behind of a graph of which only a part is valid', async () => {
    const graph = graphOf('images-and-mask', { '5': { width: -1 } });
    const promptId = randomUUID();
    const submit = executor.submit({ promptId, graph, traceId: 'trace' });
    await expect(submit).rejects.toMatchObject({ code: 'graph_refused' });
    expect(['absent', 'interrupted', 'succeeded']).toContain((await executor.find(promptId)).state);
  });

  it('says which node failed and why', async () => {
    const color = Math.floor(Math.random() * 16_777_215);
    const graph = graphOf('node-failure', { '2': { color } });
    const end = await watchToEnd(executor, await submitNew(executor, graph));
    expect(end).toMatchObject({ state: 'failed', nodeId: '3', nodeType: 'VAEEncodeTiled' });
    expect(end).toMatchObject({ exceptionType: expect.stringContaining('ZeroDivisionError') });
  });

  it('knows nothing of a prompt that was never sent', async () => {
    expect(await executor.find(randomUUID())).toEqual({ state: 'absent', others: 0 });
    expect((await watchToEnd(executor, randomUUID())).state).toBe('absent');
    expect(await executor.withdraw(randomUUID())).toBe('gone');
  });

  it('interrupts a running prompt and tells its watcher', async () => {
    const promptId = await submitNew(executor, slowGraph());
    const watched = watchToEnd(executor, promptId);
    await untilState(executor, promptId, 'running');
    expect(await executor.withdraw(promptId)).toBe('gone');
    expect(await watched).toEqual({ state: 'interrupted' });
  });

  it('withdraws a queued prompt and never the one that runs', async () => {
    const running = await submitNew(executor, slowGraph());
    const queued = await submitNew(executor, slowGraph());
    await untilState(executor, queued, 'queued');
    expect(await executor.withdraw(queued)).toBe('gone');
    expect(await executor.find(queued)).toEqual({ state: 'absent', others: 1 });
    expect((await watchToEnd(executor, running)).state).toBe('succeeded');
    expect(await executor.withdraw(running)).toBe('finished');
  });

  it('lets a second executor with another client id collect what the first submitted', async () => {
    const promptId = await submitNew(executor, slowGraph());
    const second = executorFor(url);
    try {
      const end = succeeded(await watchToEnd(second, promptId));
      const stream = await second.fetchOutput(only(end.outputs));
      expect(readPng(await bytesOf(stream))).toMatchObject({ width: 64, height: 64 });
    } finally {
      await second.close();
    }
  });

  it('says so when an output file is gone', async () => {
    const file: OutputFile = { nodeId: '7', filename: 'no.png', subfolder: '', type: 'output' };
    await expect(executor.fetchOutput(file)).rejects.toMatchObject({ code: 'output_missing' });
  });

  it('lists its models and classes and keeps one boot id', async () => {
    const report = await executor.probe();
    expect(report).toMatchObject({ reachable: true, bootId: await executor.bootId() });
    expect(report.files?.['checkpoints']?.length).toBeGreaterThan(0);
    expect(report.files).toHaveProperty('loras');
    expect(report.nodeClasses).toContain('KSampler');
    expect(report.version).toMatch(/^\d+\.\d+/);
  });
});
