import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodePng } from '../../src/executors/simulator/picture/decode-png.ts';
import {
  call,
  listen,
  noWeights,
  post,
  textToImage,
  until,
  withSimulator,
} from './simulator-session.ts';

describe('the life of a prompt', () => {
  it('sends the messages of one prompt in the order of a real server', async () => {
    await withSimulator(
      { unthrottledProgress: true, previewMethod: 'none' },
      async ({ simulator, submit }) => {
        const listener = await listen(simulator, 'me');
        const id = await submit(textToImage({ steps: 2 }), { client_id: 'me' });
        await until(() =>
          listener.frames.find((f) => f.type === 'executing' && f.data.node === null),
        );
        const nodeRun = ['progress_state', 'executing', 'progress_state'];
        expect(listener.types()).toEqual([
          'status',
          'status',
          'status',
          'execution_start',
          'execution_cached',
          ...Array.from({ length: 6 }, () => nodeRun).flat(),
          ...['progress_state', 'executing'],
          ...['progress_state', 'progress', 'progress_state', 'progress', 'progress_state'],
          ...nodeRun,
          ...['progress_state', 'executing', 'executed', 'progress_state'],
          'execution_success',
          'status',
          'executing',
        ]);
        expect(listener.frames[0]?.data).toEqual({
          status: { exec_info: { queue_remaining: 0 } },
          sid: 'me',
        });
        expect(listener.frames[1]?.data).toEqual(listener.frames[2]?.data);
        expect(listener.frames.at(-1)?.data).toEqual({ node: null, prompt_id: id });
        await listener.close();
      },
    );
  });

  it('writes the history entry before executing null and after execution_success', async () => {
    await withSimulator({}, async ({ simulator, url, submit }) => {
      const listener = await listen(simulator, 'me');
      const id = await submit(textToImage(), { client_id: 'me' });
      await until(() =>
        listener.frames.find((f) => f.type === 'executing' && f.data.node === null),
      );
      const { body } = await call(`${url}/history/${id}`);
      expect(body[id].prompt.slice(0, 2)).toEqual([0, id]);
      expect(body[id].prompt[3]).toMatchObject({
        client_id: 'me',
        create_time: expect.any(Number),
      });
      expect(body[id].prompt[4]).toEqual(['7']);
      expect(body[id].outputs).toEqual({
        '7': { images: [{ filename: 'image_00001_.png', subfolder: 'test', type: 'output' }] },
      });
      expect(body[id].status).toMatchObject({ status_str: 'success', completed: true });
      expect(body[id].status.messages.map(([event]: [string]) => event)).toEqual([
        'execution_start',
        'execution_cached',
        'execution_success',
      ]);
      expect(body[id].meta).toEqual({
        '7': { node_id: '7', display_node: '7', parent_node: null, real_node_id: '7' },
      });
      await listener.close();
    });
  });

  it('stores coerced literals in history and in the PNG text', async () => {
    await withSimulator({}, async ({ run, image }) => {
      const entry = await run(textToImage({ seed: '7', steps: 3.9, cfg: '6.5' }), {
        extra_data: { extra_pnginfo: { workflow: { id: 'w', note: 'ä' } } },
      });
      expect(entry.prompt[2]['5'].inputs).toMatchObject({ seed: 7, steps: 3, cfg: 6.5 });
      const { text, width, height } = decodePng(await image(entry));
      expect([width, height]).toEqual([64, 64]);
      expect(JSON.parse(text['prompt'] ?? '')).toEqual(entry.prompt[2]);
      expect(JSON.parse(text['workflow'] ?? '')).toEqual({ id: 'w', note: 'ä' });
    });
  });

  it('recalls an identical prompt from the cache and points at the old file', async () => {
    await withSimulator({}, async ({ simulator, dataDir, run }) => {
      const first = await run(textToImage());
      const listener = await listen(simulator, 'me');
      const second = await run(textToImage(), { client_id: 'me' });
      await until(() => listener.frames.find((f) => f.type === 'executing'));
      expect(second.outputs).toEqual(first.outputs);
      expect(second.status.messages[1][1].nodes).toHaveLength(9);
      expect(listener.types().slice(3)).toEqual([
        'execution_start',
        'execution_cached',
        'executed',
        'progress_state',
        'execution_success',
        'status',
        'executing',
      ]);
      expect(await readdir(join(dataDir, 'output', 'test'))).toEqual(['image_00001_.png']);
      expect(simulator.executions()[1]?.executedNodes).toEqual([]);
      await listener.close();
    });
  });

  it('reruns only the save when the prefix changes, and forgets after another prompt', async () => {
    await withSimulator({}, async ({ simulator, run }) => {
      await run(textToImage());
      await run(textToImage({ prefix: 'test/other' }));
      await run(noWeights());
      await run(textToImage({ prefix: 'test/other' }));
      expect(simulator.executions().map((entry) => entry.executedNodes.length)).toEqual([
        9, 1, 8, 9,
      ]);
    });
  });

  it('forgets cached nodes after free_memory', async () => {
    await withSimulator({}, async ({ simulator, url, run }) => {
      await run(noWeights());
      expect((await post(`${url}/free`, { free_memory: true })).status).toBe(200);
      await run(noWeights());
      expect(simulator.executions()[1]?.executedNodes).toHaveLength(8);
      expect((await post(`${url}/free`, '')).status).toBe(500);
    });
  });

  it('runs the graph without weights to pictures of the right size and colour', async () => {
    await withSimulator({}, async ({ run, image }) => {
      const entry = await run(noWeights(0x123456));
      const saved = decodePng(await image(entry, '6'));
      expect([saved.width, saved.height]).toEqual([320, 240]);
      expect([...saved.data.subarray(0, 3)]).toEqual([0x12, 0x34, 0x56]);
      expect(entry.outputs['8'].images[0]).toMatchObject({ type: 'temp', subfolder: '' });
      expect(entry.outputs['8'].images[0].filename).toMatch(/^ComfyUI_temp_[a-z]{5}_00001_\.png$/);
      const mask = decodePng(await image(entry, '8'));
      expect([mask.width, mask.height, mask.data[0]]).toEqual([128, 96, 153]);
    });
  });

  it('names an unknown-to-execute class in a normal execution_error', async () => {
    await withSimulator({}, async ({ run }) => {
      const entry = await run({
        '1': {
          class_type: 'EmptyImage',
          inputs: { width: 64, height: 64, batch_size: 2, color: 0 },
        },
        '2': {
          class_type: 'ImageQuantize',
          inputs: { image: ['1', 0], colors: 8, dither: 'none' },
        },
        '3': { class_type: 'PreviewImage', inputs: { images: ['2', 0] } },
      });
      const [event, data] = entry.status.messages.at(-1);
      expect(event).toBe('execution_error');
      expect(data).toMatchObject({
        node_id: '2',
        node_type: 'ImageQuantize',
        executed: ['1'],
        exception_type: 'NotImplementedError',
        exception_message: expect.stringContaining('ImageQuantize'),
      });
      expect(entry.status).toMatchObject({ status_str: 'error', completed: false });
    });
  });

  it('forgets queue, history and cache in a restart, keeps files and wipes temp', async () => {
    await withSimulator({}, async (session) => {
      const { dataDir, url, simulator } = session;
      const id = randomUUID();
      const entry = await session.run({ ...textToImage(), ...previewOf() }, { prompt_id: id });
      const png = await session.image(entry);
      const argv = (await call(`${url}/system_stats`)).body.system.argv as string[];
      await simulator.close();
      await withSimulator({ dataDir }, async (again) => {
        expect((await call(`${again.url}/history/${id}`)).body).toEqual({});
        expect((await call(`${again.url}/prompt`)).body.exec_info.queue_remaining).toBe(0);
        expect(await again.image(entry)).toEqual(png);
        const temp = new URLSearchParams(entry.outputs['9'].images[0] as Record<string, string>);
        expect((await call(`${again.url}/view?${temp.toString()}`)).status).toBe(404);
        const next = (await call(`${again.url}/system_stats`)).body.system.argv as string[];
        const at = argv.indexOf('--temp-directory') + 1;
        expect(next[at]).not.toBe(argv[at]);
        const rerun = await again.run(textToImage());
        expect(rerun.outputs['7'].images[0].filename).toBe('image_00002_.png');
        expect(rerun.prompt[0]).toBe(0);
      });
    });
  });

  it('answers one prompt of two outputs with only the good one when the other is invalid', async () => {
    await withSimulator({}, async ({ url, finished }) => {
      const graph = noWeights();
      (graph['5'] as { inputs: Record<string, unknown> }).inputs['width'] = 'wide';
      const { status, body } = await post(`${url}/prompt`, { prompt: graph });
      expect(status).toBe(200);
      expect(body.node_errors['5'].dependent_outputs).toEqual(['6']);
      const entry = await finished(body.prompt_id as string);
      expect(Object.keys(entry.outputs as object)).toEqual(['8']);
      expect(entry.prompt[4]).toEqual(['8']);
    });
  });
});

const previewOf = () => ({ '9': { class_type: 'PreviewImage', inputs: { images: ['6', 0] } } });
