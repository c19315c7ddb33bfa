/**
 * ComfyUI's wire protocol as a client of any kind meets it, with graphs that are not made by our skeletons. Runs
 * against the simulator, or against the server that COMFY_CONFORMANCE_URL names.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodePng } from '../../src/executors/simulator/picture/decode-png.ts';
import { graphOf } from './comfy-harness.ts';
import { openTarget, realUrl, type Target } from './conformance-target.ts';
import { call, listen, post, until, type Json, type Listener } from './simulator-session.ts';

let target: Target;
beforeAll(async () => {
  target = await openTarget();
});
afterAll(async () => target.release());

const ended = (listener: Listener, promptId: string) =>
  until(() =>
    listener.frames.find(
      ({ type, data }) => type === 'executing' && data.node === null && data.prompt_id === promptId,
    ),
  );

interface Run {
  readonly promptId: string;
  readonly entry: Json;
  readonly frames: Listener['frames'];
}

/** Posts a graph and listens to its end; the socket's greeting is not among the frames. */
const run = async (prompt: unknown, more: Record<string, unknown> = {}): Promise<Run> => {
  const clientId = randomUUID();
  const listener = await listen(target, clientId);
  const reply = await post(`${target.url}/prompt`, { prompt, client_id: clientId, ...more });
  expect(reply.body).toMatchObject({ node_errors: {} });
  const promptId = reply.body.prompt_id as string;
  await ended(listener, promptId);
  const entry = (await call(`${target.url}/history/${promptId}`)).body[promptId];
  await listener.close();
  return { promptId, entry, frames: listener.frames.slice(1) };
};

const view = async (file: Record<string, string>) =>
  call(`${target.url}/view?${new URLSearchParams(file).toString()}`);

const colour = (): number => Math.floor(Math.random() * 16_777_215);

const picture = (inputs: Readonly<Record<string, unknown>> = {}, more: object = {}) =>
  graphOf('sd15-text-to-image', {
    '5': { seed: Math.floor(Math.random() * 4_294_967_295), steps: 3, ...inputs },
    '7': { filename_prefix: `conformance/${randomUUID()}` },
    ...more,
  });

/** Everything but progress, in order: event and node. */
const story = (frames: Run['frames']): string[] =>
  frames
    .filter(({ type }) => !type.startsWith('binary') && !type.startsWith('progress'))
    .map(({ type, data }) =>
      type === 'executing' || type === 'executed' ? `${type} ${String(data.node)}` : type,
    );

describe(`the protocol of ${realUrl ?? 'the simulator'}`, () => {
  it('tells the story of a prompt in one order', async () => {
    const { frames, entry, promptId } = await run(picture());
    const told = story(frames);
    expect(told.slice(0, 4)).toEqual(['status', 'status', 'execution_start', 'execution_cached']);
    // Loader and texts may be cached from before; the rest runs in the order of its links.
    const cached = frames.find(({ type }) => type === 'execution_cached')?.data.nodes as string[];
    const running = Object.keys(entry.prompt[2] as object).filter((id) => !cached.includes(id));
    const executing = told.filter((one) => one.startsWith('executing'));
    expect(new Set(executing)).toEqual(
      new Set([...running.map((id) => `executing ${id}`), 'executing null']),
    );
    expect(told.slice(-7)).toEqual([
      'executing 5',
      'executing 6',
      'executing 7',
      'executed 7',
      'execution_success',
      'status',
      'executing null',
    ]);
    expect(frames.at(-1)?.data).toEqual({ node: null, prompt_id: promptId });
  });

  it('frames every node with progress_state and counts the steps up to the last', async () => {
    const { frames, promptId } = await run(picture({ steps: 4 }));
    const at = frames.findIndex(({ type, data }) => type === 'executing' && data.node === '5');
    expect(frames[at - 1]).toMatchObject({
      type: 'progress_state',
      data: { prompt_id: promptId, nodes: { '5': { state: 'running', value: 0, max: 1 } } },
    });
    const steps = frames.filter(({ type }) => type === 'progress');
    expect(steps[0]?.data).toEqual({ value: 1, max: 4, prompt_id: promptId, node: '5' });
    expect(steps.at(-1)?.data).toMatchObject({ value: 4, max: 4 });
    const finished = frames.find(
      ({ type, data }) => type === 'progress_state' && data.nodes['5']?.state === 'finished',
    );
    expect(finished?.data.nodes['5']).toEqual({
      value: 4,
      max: 4,
      state: 'finished',
      node_id: '5',
      prompt_id: promptId,
      display_node_id: '5',
      parent_node_id: null,
      real_node_id: '5',
    });
  });

  it('writes a history entry with the validated graph, outputs, messages and meta', async () => {
    const { entry, promptId } = await run(picture({ steps: '3', cfg: 7 }));
    expect(entry.prompt.slice(1, 2)).toEqual([promptId]);
    expect(entry.prompt[2]['5'].inputs).toMatchObject({ steps: 3, cfg: 7 });
    expect(entry.prompt[4]).toEqual(['7']);
    expect(Object.keys(entry.outputs as object)).toEqual(['7']);
    expect(entry.outputs['7'].images).toEqual([
      {
        filename: expect.stringMatching(/^[0-9a-f-]{36}_00001_\.png$/),
        subfolder: 'conformance',
        type: 'output',
      },
    ]);
    expect(entry.status).toMatchObject({ status_str: 'success', completed: true });
    expect(entry.status.messages.map(([event]: [string]) => event)).toEqual([
      'execution_start',
      'execution_cached',
      'execution_success',
    ]);
    expect(entry.meta['7']).toEqual({
      node_id: '7',
      display_node: '7',
      parent_node: null,
      real_node_id: '7',
    });
    const file = await view(entry.outputs['7'].images[0] as Record<string, string>);
    const { text, width } = decodePng(file.bytes);
    expect(width).toBe(64);
    expect(JSON.parse(text['prompt'] ?? '')).toEqual(entry.prompt[2]);
  });

  it('answers a repeated prompt from its cache', async () => {
    const graph = picture();
    const first = await run(graph);
    const again = await run(graph);
    expect(story(again.frames)).toEqual([
      'status',
      'status',
      'execution_start',
      'execution_cached',
      'executed 7',
      'execution_success',
      'status',
      'executing null',
    ]);
    expect(again.entry.outputs).toEqual(first.entry.outputs);
    expect(again.entry.status.messages[1][1].nodes.sort()).toEqual(Object.keys(graph).sort());
    const renamed = { ...graph, '7': { ...graph['7'], inputs: { ...graph['7']?.inputs } } };
    Object.assign(renamed['7'].inputs, { filename_prefix: `conformance/${randomUUID()}` });
    const saved = await run(renamed);
    expect(story(saved.frames).filter((one) => one.startsWith('executing'))).toEqual([
      'executing 7',
      'executing null',
    ]);
  });

  it('runs several output nodes, and saves videos, animations and latents', async () => {
    const both = await run(graphOf('images-and-mask', { '1': { color: colour() } }));
    expect(both.entry.outputs['6'].images[0]).toMatchObject({ type: 'output' });
    expect(both.entry.outputs['8'].images[0]).toMatchObject({
      filename: expect.stringMatching(/^ComfyUI_temp_[a-z]{5}_0000\d_\.png$/),
      type: 'temp',
      subfolder: '',
    });
    const { entry } = await run(graphOf('video-and-latent', { '1': { color: colour() } }));
    const shape = Object.fromEntries(
      Object.entries(entry.outputs as Record<string, Json>).map(([id, output]) => [
        id,
        [
          Object.keys(output as object).sort(),
          String(output.images?.[0].filename ?? output.latents[0].filename)
            .split('.')
            .at(-1),
        ],
      ]),
    );
    expect(shape).toEqual({
      '5': [['animated', 'images'], 'mp4'],
      '6': [['animated', 'images'], 'webp'],
      '7': [['animated', 'images'], 'webm'],
      '9': [['latents'], 'latent'],
    });
    const starts = await Promise.all(
      ['5', '6', '7'].map(async (id) => {
        const { bytes } = await view(entry.outputs[id].images[0] as Record<string, string>);
        return bytes.subarray(0, 12).toString('latin1');
      }),
    );
    expect(starts[0]?.slice(4, 8)).toBe('ftyp');
    expect(starts[1]).toMatch(/^RIFF.{4}WEBP$/s);
    expect(starts[2]?.slice(0, 4)).toBe('\x1aE\xdf\xa3');
    const latent = await view(entry.outputs['9'].latents[0] as Record<string, string>);
    const size = Number(latent.bytes.readBigUInt64LE(0));
    const header = JSON.parse(latent.bytes.toString('utf8', 8, 8 + size));
    expect(header.latent_tensor).toMatchObject({ dtype: 'F32', shape: [1, 4, 8, 8] });
    expect(latent.bytes).toHaveLength(8 + size + 4 * 64 * 4);
  });

  it('reports a failed node over the socket and in history', async () => {
    const { entry, frames, promptId } = await run(
      graphOf('node-failure', { '2': { color: colour() } }),
    );
    expect(entry.status).toMatchObject({ status_str: 'error', completed: false });
    const [event, data] = entry.status.messages.at(-1);
    expect(event).toBe('execution_error');
    expect(data).toMatchObject({
      prompt_id: promptId,
      node_id: '3',
      node_type: 'VAEEncodeTiled',
      exception_type: 'ZeroDivisionError',
      executed: expect.arrayContaining(['2']),
      current_inputs: expect.objectContaining({ tile_size: [64], overlap: [32] }),
      current_outputs: expect.any(Array),
      traceback: expect.any(Array),
    });
    expect(data.exception_message).toMatch(/division.* by zero/);
    expect(data.exception_message).toMatch(/\n$/);
    expect(story(frames).slice(-4)).toEqual([
      'executing 3',
      'execution_error',
      'status',
      'executing null',
    ]);
  });

  it('interrupts the running prompt, and only when it is named or nobody is', async () => {
    const clientId = randomUUID();
    const listener = await listen(target, clientId);
    const body = { prompt: picture({ steps: 500 }), client_id: clientId };
    const promptId = (await post(`${target.url}/prompt`, body)).body.prompt_id as string;
    await until(() => listener.frames.find(({ type }) => type === 'progress'));
    const other = await post(`${target.url}/interrupt`, { prompt_id: randomUUID() });
    expect([other.status, other.body]).toEqual([200, '']);
    const queue = (await call(`${target.url}/queue`)).body;
    expect(queue.queue_running[0].slice(1, 2)).toEqual([promptId]);
    const waiting = await post(`${target.url}/prompt`, { prompt: picture() });
    const deleted = await post(`${target.url}/queue`, { delete: [waiting.body.prompt_id] });
    expect([deleted.status, deleted.body]).toEqual([200, '']);
    await post(`${target.url}/interrupt`, { prompt_id: promptId });
    await ended(listener, promptId);
    expect(story(listener.frames).slice(-3)).toEqual([
      'execution_interrupted',
      'status',
      'executing null',
    ]);
    const entry = (await call(`${target.url}/history/${promptId}`)).body[promptId];
    expect(entry.status).toMatchObject({ status_str: 'error', completed: false });
    expect(entry.status.messages.at(-1)[0]).toBe('execution_interrupted');
    expect(entry.status.messages.at(-1)[1]).toMatchObject({
      node_id: '5',
      node_type: 'KSampler',
    });
    const gone = await call(`${target.url}/history/${waiting.body.prompt_id as string}`);
    expect([gone.status, gone.body]).toEqual([200, {}]);
    await listener.close();
  });

  it.each([
    ['event 4 ahead of progress, for a client that asks for metadata', true],
    ['event 1 after progress, for any other', false],
  ])('sends JPEG previews of 512 pixels as %s', async (_name, negotiate) => {
    const clientId = randomUUID();
    const listener = await listen(target, clientId);
    if (negotiate) {
      listener.send({ type: 'feature_flags', data: { supports_preview_metadata: true } });
      const flags = await until(() => listener.frames.find((f) => f.type === 'feature_flags'));
      expect(flags.data).toMatchObject({ supports_preview_metadata: true });
    }
    const graph = picture({ steps: 12 }, { '4': { width: 128, height: 64 } });
    const { body } = await post(`${target.url}/prompt`, {
      prompt: graph,
      client_id: clientId,
      extra_data: { preview_method: 'latent2rgb' },
    });
    await ended(listener, body.prompt_id as string);
    await listener.close();
    const at = listener.frames.findIndex(({ binary }) => binary);
    // A release without a preview method per prompt sends none, unless it was started with one.
    if (at < 0) {
      const stats = (await call(`${target.url}/system_stats`)).body;
      expect(stats.system.comfyui_version).toBe('0.3.64');
      return;
    }
    const frame = listener.frames[at]?.binary ?? Buffer.alloc(0);
    const second = frame.readUInt32BE(4);
    const jpeg = frame.subarray(negotiate ? 8 + second : 8);
    if (negotiate) {
      expect(JSON.parse(frame.toString('utf8', 8, 8 + second))).toEqual({
        node_id: '5',
        prompt_id: body.prompt_id,
        display_node_id: '5',
        parent_node_id: null,
        real_node_id: '5',
        image_type: 'image/jpeg',
      });
    } else expect(second).toBe(1);
    expect([frame.readUInt32BE(0), jpeg.readUInt16BE(0)]).toEqual([negotiate ? 4 : 1, 0xffd8]);
    expect(jpegSize(jpeg)).toEqual([512, 256]);
    expect(listener.frames[at + (negotiate ? 1 : -1)]?.type).toBe('progress');
  });
});

/** Width and height in a JPEG's frame header. */
const jpegSize = (jpeg: Buffer): [number, number] => {
  for (let at = 2; at + 9 < jpeg.length; at += 2 + jpeg.readUInt16BE(at + 2)) {
    if (jpeg[at + 1] === 0xc0) return [jpeg.readUInt16BE(at + 7), jpeg.readUInt16BE(at + 5)];
  }
  return [0, 0];
};
