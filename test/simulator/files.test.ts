import { mkdir, mkdtemp, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findSavePath, writeInto } from '../../src/executors/simulator/nodes/save-path.ts';
import { createSavedNumbers } from '../../src/executors/simulator/nodes/saved-numbers.ts';
import { createOutputSweep } from '../../src/executors/simulator/output-sweeper.ts';
import { createBitmap } from '../../src/executors/simulator/picture/bitmap.ts';
import { decodePng } from '../../src/executors/simulator/picture/decode-png.ts';
import { encodePng } from '../../src/executors/simulator/picture/encode-png.ts';
import { call, post, textToImage, until, withSimulator, type Reply } from './simulator-session.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

const upload = async (
  url: string,
  name: string,
  bytes: Uint8Array,
  fields: Record<string, string> = {},
): Promise<Reply> => {
  const form = new FormData();
  form.set('image', new File([new Uint8Array(bytes)], name));
  for (const [key, value] of Object.entries(fields)) form.set(key, value);
  return call(`${url}/upload/image`, { method: 'POST', body: form });
};

describe('GET /view', () => {
  it.each([
    ['', 404],
    ['filename=a.png', 200],
    ['filename=missing.png', 404],
    ['filename=b.png', 404],
    ['filename=b.png&subfolder=sub', 200],
    ['filename=sub/b.png', 404],
    ['filename=../a.png', 400],
    ['filename=/a.png', 400],
    ['filename=', 400],
    ['filename=a.png&type=odd', 400],
    ['filename=a.png&type=temp', 404],
    ['filename=a.png&subfolder=../..', 403],
    ['filename=a.png&subfolder=../output-secret', 403],
    ['filename=c.png%20[input]', 200],
  ])('answers ?%s with %i', async (query, status) => {
    await withSimulator({}, async ({ url, dataDir }) => {
      await mkdir(join(dataDir, 'output', 'sub'));
      await mkdir(join(dataDir, 'output-secret'));
      await writeFile(join(dataDir, 'output', 'a.png'), 'a');
      await writeFile(join(dataDir, 'output-secret', 'a.png'), 'a');
      await writeFile(join(dataDir, 'output', 'sub', 'b.png'), 'b');
      await writeFile(join(dataDir, 'input', 'c.png'), 'c');
      expect((await call(`${url}/view?${query}`)).status).toBe(status);
    });
  });

  it('serves ranges, conditional requests and HEAD', async () => {
    await withSimulator({}, async ({ url, dataDir }) => {
      await writeFile(join(dataDir, 'output', 'a.txt'), '0123456789');
      const at = `${url}/api/view?filename=a.txt`;
      const whole = await call(at);
      expect(whole.headers.get('content-type')).toBe('text/plain');
      expect(whole.headers.get('accept-ranges')).toBe('bytes');
      expect(whole.headers.get('content-disposition')).toBe('filename="a.txt"');
      const part = async (range: string) => {
        const { status, bytes, headers } = await call(at, { headers: { range } });
        return [status, bytes.toString(), headers.get('content-range')];
      };
      expect(await part('bytes=2-4')).toEqual([206, '234', 'bytes 2-4/10']);
      expect(await part('bytes=7-')).toEqual([206, '789', 'bytes 7-9/10']);
      expect(await part('bytes=-2')).toEqual([206, '89', 'bytes 8-9/10']);
      expect(await part('bytes=10-')).toEqual([416, '', 'bytes */10']);
      const etag = whole.headers.get('etag') ?? '';
      expect((await call(at, { headers: { 'if-none-match': etag } })).status).toBe(304);
      const head = await call(at, { method: 'HEAD' });
      expect([head.status, head.headers.get('content-length'), head.bytes.length]).toEqual([
        200,
        '10',
        0,
      ]);
    });
  });

  it('splits colour and alpha on request', async () => {
    await withSimulator({}, async ({ url, dataDir }) => {
      const bitmap = createBitmap(4, 4, [10, 20, 30], 4);
      bitmap.data[3] = 77;
      await writeFile(join(dataDir, 'output', 'a.png'), await encodePng(bitmap));
      const rgb = decodePng((await call(`${url}/view?filename=a.png&channel=rgb`)).bytes);
      expect([rgb.channels, ...rgb.data.subarray(0, 3)]).toEqual([3, 10, 20, 30]);
      const alpha = decodePng((await call(`${url}/view?filename=a.png&channel=a`)).bytes);
      expect([...alpha.data.subarray(0, 4)]).toEqual([0, 0, 0, 77]);
    });
  });
});

describe('POST /upload/image', () => {
  it('keeps a name for the same content and numbers it for another', async () => {
    await withSimulator({}, async ({ url }) => {
      const names: unknown[] = [];
      for (const content of ['one', 'one', 'two', 'two', 'three']) {
        names.push((await upload(url, 'a.png', Buffer.from(content))).body.name);
      }
      expect(names).toEqual(['a.png', 'a.png', 'a (1).png', 'a (1).png', 'a (2).png']);
      const over = await upload(url, 'a.png', Buffer.from('new'), {
        overwrite: 'true',
        subfolder: 'x/y',
        type: 'temp',
      });
      expect(over.body).toEqual({ name: 'a.png', subfolder: 'x/y', type: 'temp' });
      const read = await call(`${url}/view?filename=a.png&type=temp&subfolder=x/y`);
      expect(read.bytes.toString()).toBe('new');
    });
  });

  it('refuses a missing file, a path that escapes, and an odd type', async () => {
    await withSimulator({}, async ({ url }) => {
      const form = new FormData();
      form.set('other', 'x');
      expect((await call(`${url}/upload/image`, { method: 'POST', body: form })).status).toBe(400);
      const up = (fields: Record<string, string>) => upload(url, 'a.png', Buffer.from('x'), fields);
      expect((await up({ subfolder: '../..' })).status).toBe(400);
      expect((await up({ type: 'odd' })).status).toBe(500);
      expect((await post(`${url}/upload/image`, 'no form')).status).toBe(400);
    });
  });

  it('feeds LoadImage, whose picture and mask come back pixel for pixel', async () => {
    await withSimulator({}, async ({ url, run, image }) => {
      const bitmap = createBitmap(24, 16, [200, 100, 50], 4);
      bitmap.data[3] = 0;
      const { body } = await upload(url, 'in.png', await encodePng(bitmap), { subfolder: 's' });
      const graph = {
        '1': { class_type: 'LoadImage', inputs: { image: `${body.subfolder}/${body.name}` } },
        '2': { class_type: 'PreviewImage', inputs: { images: ['1', 0] } },
        '3': { class_type: 'MaskToImage', inputs: { mask: ['1', 1] } },
        '7': { class_type: 'SaveImage', inputs: { images: ['3', 0], filename_prefix: 'm' } },
      };
      const entry = await run(graph);
      const back = decodePng(await image(entry, '2'));
      expect([back.width, back.height, ...back.data.subarray(0, 3)]).toEqual([
        24, 16, 200, 100, 50,
      ]);
      const mask = decodePng(await image(entry));
      expect([mask.data[0], mask.data[3]]).toEqual([255, 0]);

      await upload(url, 'in.png', await encodePng(createBitmap(24, 16, [1, 2, 3])), {
        subfolder: 's',
        overwrite: '1',
      });
      const again = decodePng(await image(await run(graph), '2'));
      expect([...again.data.subarray(0, 3)]).toEqual([1, 2, 3]);
    });
  });
});

describe('what the server tells of itself', () => {
  it('lists models by folder, embeddings without extension, and node classes with their files', async () => {
    await withSimulator({}, async ({ url, simulator }) => {
      expect((await call(`${url}/models`)).body).toEqual(
        expect.arrayContaining(['checkpoints', 'loras', 'vae', 'embeddings', 'text_encoders']),
      );
      expect((await call(`${url}/api/models/checkpoints`)).body).toContain(
        'sd1/civitai/4384/128713.safetensors',
      );
      expect((await call(`${url}/models/hypernetworks`)).body).toEqual([]);
      expect((await call(`${url}/models/constructor`)).status).toBe(404);
      expect((await call(`${url}/embeddings`)).body).toContain('easynegative');
      simulator.setModels({ checkpoints: ['only.safetensors'] });
      const { body } = await call(`${url}/object_info/CheckpointLoaderSimple`);
      expect(body.CheckpointLoaderSimple.input.required.ckpt_name[0]).toEqual(['only.safetensors']);
      expect((await call(`${url}/object_info/Nope`)).body).toEqual({});
      const all = (await call(`${url}/object_info`)).body;
      expect(Object.keys(all as object).length).toBeGreaterThan(100);
      expect((await call(`${url}/features`)).body).toMatchObject({
        supports_preview_metadata: true,
        max_upload_size: 104857600,
      });
      expect((await call(`${url}/system_stats`)).body.system.comfyui_version).toBe('0.10.0');
    });
  });

  it('refuses a model that is gone since', async () => {
    await withSimulator({}, async ({ url }) => {
      await post(`${url}/sim/models`, { vae: ['x.safetensors'] });
      const { status, body } = await post(`${url}/prompt`, {
        prompt: {
          '1': { class_type: 'VAELoader', inputs: { vae_name: 'ae.safetensors' } },
          '2': { class_type: 'EmptyLatentImage', inputs: { width: 64, height: 64, batch_size: 1 } },
          '3': { class_type: 'VAEDecode', inputs: { samples: ['2', 0], vae: ['1', 0] } },
          '4': { class_type: 'PreviewImage', inputs: { images: ['3', 0] } },
        },
      });
      expect(status).toBe(400);
      expect(body.node_errors['1'].errors[0].details).toBe(
        "vae_name: 'ae.safetensors' not in ['x.safetensors', 'pixel_space']",
      );
    });
  });
});

describe('retention', () => {
  const gone = (path: string): Promise<true | undefined> =>
    stat(path).then(
      () => undefined,
      () => true as const,
    );

  it('deletes outputs and inputs past their age with the folders that emptied, and nothing younger', async () => {
    await withSimulator({ outputRetentionMs: 2_000 }, async ({ dataDir, url }) => {
      const put = async (path: string, age: 'old' | 'young'): Promise<string> => {
        const file = join(dataDir, path);
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, 'x');
        // An hour ahead stays young for as long as this test can take.
        const date = new Date(age === 'old' ? 0 : Date.now() + 3_600_000);
        await utimes(file, date, date);
        return file;
      };
      const young = [
        await put('output/mixed/young.png', 'young'),
        await put('input/young.png', 'young'),
      ];
      const old = [
        await put('output/old/deep/a.png', 'old'),
        await put('output/mixed/old.png', 'old'),
        await put('output/old.png', 'old'),
        await put('input/sub/old.png', 'old'),
      ];
      for (const file of old) await until(() => gone(file));
      await until(() => gone(join(dataDir, 'output', 'old')));
      await until(() => gone(join(dataDir, 'input', 'sub')));
      for (const file of young) expect((await stat(file)).isFile()).toBe(true);
      for (const folder of ['output', 'input']) {
        expect((await stat(join(dataDir, folder))).isDirectory()).toBe(true);
      }
      const seen = await call(`${url}/view?filename=old.png`);
      expect(seen.status).toBe(404);
    });
  });

  it('keeps everything for a day when nothing is said', async () => {
    await withSimulator({}, async ({ dataDir, run, image }) => {
      const entry = await run(textToImage());
      const file = join(dataDir, 'output', 'test', 'image_00001_.png');
      const hours = (count: number): Date => new Date(Date.now() - count * 3_600_000);
      await utimes(file, hours(23), hours(23));
      const sweep = createOutputSweep({
        folders: [join(dataDir, 'output')],
        retentionMs: DAY_MS,
        logger: undefined,
      });
      await sweep();
      expect((await image(entry)).length).toBeGreaterThan(0);
      await utimes(file, hours(25), hours(25));
      await sweep();
      expect(await gone(file)).toBe(true);
    });
  });

  it('saves into a folder that was swept between two pictures of a save', async () => {
    const root = await mkdtemp(join(tmpdir(), 'simulator-'));
    try {
      const path = await findSavePath(createSavedNumbers(), root, 'swept/a', 1, 1);
      await rm(path.folder, { recursive: true });
      expect(await writeInto(path, 0, Buffer.from('x'))).toBe('a_00001_.png');
      expect((await stat(join(root, 'swept', 'a_00001_.png'))).size).toBe(1);
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });
});
