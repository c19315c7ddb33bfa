/**
 * ComfyUI's HTTP routes beside prompts: status codes, what a server tells of itself, and files. Runs against the simulator,
 * or against the server that COMFY_CONFORMANCE_URL names.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBitmap } from '../../src/executors/simulator/picture/bitmap.ts';
import { decodePng } from '../../src/executors/simulator/picture/decode-png.ts';
import { encodePng } from '../../src/executors/simulator/picture/encode-png.ts';
import { openTarget, realUrl, type Target } from './conformance-target.ts';
import { call, post, until, type Json } from './simulator-session.ts';

let target: Target;
beforeAll(async () => {
  target = await openTarget();
});
afterAll(async () => target.release());

const view = async (file: Record<string, string>) =>
  call(`${target.url}/view?${new URLSearchParams(file).toString()}`);

const outputsOf = async (prompt: unknown): Promise<Json> => {
  const { body } = await post(`${target.url}/prompt`, { prompt });
  const promptId = body.prompt_id as string;
  const entry = await until(
    async () => (await call(`${target.url}/history/${promptId}`)).body[promptId],
  );
  return entry.outputs;
};

describe(`the routes of ${realUrl ?? 'the simulator'}`, () => {
  it.each<[string, string, unknown, number, unknown]>([
    ['GET', '/history/nobody', undefined, 200, {}],
    ['GET', '/history?max_items=x', undefined, 500, expect.stringContaining('Server got itself')],
    ['GET', '/models/nope', undefined, 404, ''],
    ['GET', '/models/unet', undefined, 404, ''],
    ['GET', '/object_info/Nope', undefined, 200, {}],
    ['GET', '/embeddings', undefined, 200, expect.arrayContaining(['tiny-embed'])],
    ['GET', '/view_metadata/checkpoints?filename=nope.safetensors', undefined, 404, ''],
    ['GET', '/view', undefined, 404, ''],
    ['GET', '/view?filename=nope.png', undefined, 404, ''],
    ['GET', '/view?filename=../nope.png', undefined, 400, ''],
    ['GET', '/view?filename=nope.png&type=odd', undefined, 400, ''],
    ['GET', '/view?filename=nope.png&subfolder=../..', undefined, 403, ''],
    ['GET', '/experiment/models/nope', undefined, 404, ''],
    ['GET', '/nothing', undefined, 404, ''],
    ['GET', '/jobs', undefined, 404, ''],
    ['GET', '/free', undefined, 404, ''],
    ['POST', '/nothing', '', 405, '405: Method Not Allowed'],
    ['POST', '/queue', { delete: ['nobody'] }, 200, ''],
    ['POST', '/queue', '', 500, expect.stringContaining('Server got itself')],
    ['POST', '/history', { delete: ['nobody'] }, 200, ''],
    ['POST', '/interrupt', '', 200, ''],
    ['POST', '/free', {}, 200, ''],
    ['POST', '/free', '', 500, expect.stringContaining('Server got itself')],
    ['POST', '/prompt', '{', 500, expect.stringContaining('Server got itself')],
    ['POST', '/prompt', { prompt: null }, 500, expect.stringContaining('Server got itself')],
    ['POST', '/prompt', { prompt: [1] }, 500, expect.stringContaining('Server got itself')],
    ['POST', '/prompt', {}, 400, expect.objectContaining({ node_errors: {} })],
    ['POST', '/upload/image', 'no form', 400, ''],
    ['POST', '/upload/mask', 'no form', 400, ''],
    ['POST', '/system_stats', '', 405, '405: Method Not Allowed'],
  ])('answers %s %s with its status and body', async (method, path, body, status, wanted) => {
    for (const prefix of path === '/jobs' ? [''] : ['', '/api']) {
      const url = `${target.url}${prefix}${path}`;
      const reply = method === 'GET' ? await call(url) : await post(url, body);
      expect([reply.status, reply.body]).toEqual([status, wanted]);
      if (status === 500) expect(reply.headers.get('content-type')).toContain('text/plain');
    }
  });

  it('tells what it is and what it has', async () => {
    const stats = (await call(`${target.url}/system_stats`)).body;
    expect(Object.keys(stats.system as object)).toEqual(
      expect.arrayContaining(['os', 'ram_total', 'ram_free', 'comfyui_version', 'argv']),
    );
    expect(Object.keys(stats.devices[0] as object).sort()).toEqual([
      'index',
      'name',
      'torch_vram_free',
      'torch_vram_total',
      'type',
      'vram_free',
      'vram_total',
    ]);
    expect((await call(`${target.url}/features`)).body).toMatchObject({
      supports_preview_metadata: true,
      max_upload_size: 104_857_600,
    });
    expect((await call(`${target.url}/models`)).body).toEqual(
      expect.arrayContaining(['checkpoints', 'loras', 'vae', 'text_encoders', 'vae_approx']),
    );
    const listed = (await call(`${target.url}/models/checkpoints`)).body as string[];
    expect(listed).toContain('tiny-sd15.safetensors');
    const [first] = (await call(`${target.url}/experiment/models/checkpoints`)).body;
    expect(Object.keys(first as object).sort()).toEqual([
      'created',
      'modified',
      'name',
      'pathIndex',
      'size',
    ]);
    const folders = (await call(`${target.url}/experiment/models`)).body as Json[];
    expect(folders.map(({ name }) => name as string)).not.toContain('configs');
    const loader = (await call(`${target.url}/object_info/CheckpointLoaderSimple`)).body;
    expect(loader.CheckpointLoaderSimple.input.required.ckpt_name[0]).toEqual(listed);
    expect((await call(`${target.url}/prompt`)).body).toEqual({
      exec_info: { queue_remaining: 0 },
    });
    expect((await call(`${target.url}/queue`)).body).toEqual({
      queue_running: [],
      queue_pending: [],
    });
  });

  const upload = async (path: string, name: string, bytes: Uint8Array, fields: object = {}) => {
    const form = new FormData();
    form.set('image', new File([new Uint8Array(bytes)], name));
    for (const [key, value] of Object.entries(fields)) form.set(key, String(value));
    return call(`${target.url}${path}`, { method: 'POST', body: form });
  };

  it('keeps uploads under names of its own, loads them, and gives them back in any format', async () => {
    const name = `日本 ä ${randomUUID()}.png`;
    const bitmap = createBitmap(24, 16, [200, 100, 50], 4);
    bitmap.data[3] = 0;
    const png = await encodePng(bitmap);
    const first = await upload('/upload/image', name, png, { subfolder: 'sub' });
    expect(first.body).toEqual({ name, subfolder: 'sub', type: 'input' });
    const other = await encodePng(createBitmap(24, 16, [1, 2, 3]));
    const second = await upload('/upload/image', name, other, { subfolder: 'sub' });
    expect(second.body.name).toBe(name.replace('.png', ' (1).png'));
    const again = await upload('/upload/image', name, png, { subfolder: 'sub' });
    expect(again.body.name).toBe(name);
    const outputs = await outputsOf({
      a: { class_type: 'LoadImage', inputs: { image: `sub/${name}` } },
      b: { class_type: 'PreviewImage', inputs: { images: ['a', 0] } },
      c: { class_type: 'MaskToImage', inputs: { mask: ['a', 1] } },
      d: { class_type: 'PreviewImage', inputs: { images: ['c', 0] } },
    });
    const seen = async (node: string) =>
      decodePng((await view(outputs[node].images[0] as Record<string, string>)).bytes);
    expect([...(await seen('b')).data.subarray(3, 6)]).toEqual([200, 100, 50]);
    expect([(await seen('d')).data[0], (await seen('d')).data[3]]).toEqual([255, 0]);
    const file = { filename: name, subfolder: 'sub', type: 'input' };
    const types = await Promise.all(
      ['jpeg;50', 'webp', 'odd'].map(async (preview) => {
        const { status, headers, bytes } = await view({ ...file, preview });
        return [status, headers.get('content-type'), bytes.toString('latin1', 0, 4)];
      }),
    );
    expect(types[0]?.slice(0, 2)).toEqual([200, 'image/jpeg']);
    expect(types[1]).toEqual([200, 'image/webp', 'RIFF']);
    expect(types[2]).toEqual([200, 'image/webp', 'RIFF']);
    const rgb = decodePng((await view({ ...file, channel: 'rgb' })).bytes);
    expect(rgb.channels).toBe(3);
  });

  it('stores a picture with the alpha channel of an uploaded mask', async () => {
    const name = `${randomUUID()}.png`;
    const plain = await encodePng(createBitmap(16, 16, [200, 100, 50]), { note: 'kept' });
    await upload('/upload/image', name, plain);
    const mask = createBitmap(16, 16, [0, 0, 0], 4);
    mask.data[3] = 40;
    const masked = await upload('/upload/mask', `clipspace-${name}`, await encodePng(mask), {
      original_ref: JSON.stringify({ filename: name, type: 'input', subfolder: '' }),
    });
    expect(masked.body).toEqual({ name: `clipspace-${name}`, subfolder: '', type: 'input' });
    const stored = decodePng((await view({ filename: `clipspace-${name}`, type: 'input' })).bytes);
    expect([stored.channels, ...stored.data.subarray(0, 8)]).toEqual([
      4, 200, 100, 50, 40, 200, 100, 50, 255,
    ]);
    expect(stored.text['note']).toBe('kept');
  });
});
