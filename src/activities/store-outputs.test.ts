import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Lease } from '../domain/job.ts';
import { createBitmap } from '../executors/simulator/picture/bitmap.ts';
import { encodePng } from '../executors/simulator/picture/encode-png.ts';
import type { Executor, OutputFile } from '../ports.ts';
import { createLocalBlobs } from '../storage/attempt-blobs.ts';
import { createLocalStore } from '../storage/local.ts';
import { storeOutputs } from './store-outputs.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'outputs-'));
});
afterAll(() => rm(dir, { recursive: true }));

const hex = (digits: string): Buffer => Buffer.from(digits, 'hex');
/** The first bytes of each format are what its kind is told by. */
const FILES: Readonly<Record<string, readonly [Buffer, string]>> = {
  'still_00001_.png': [await encodePng(createBitmap(1, 1)), 'image/png'],
  'clip_00001_.mp4': [hex('000000186674797069736f6d0000020069736f6d'), 'video/mp4'],
  'sound_00001_.flac': [hex('664c614300000022'), 'audio/flac'],
  'voice_00001_.mp3': [hex('49443304000000000000'), 'audio/mpeg'],
  'mesh_00001_.glb': [hex('676c54460200000014000000'), 'model/gltf-binary'],
};
const names = Object.keys(FILES);
const bytesOf = (name: string): Buffer => FILES[name]?.[0] ?? Buffer.alloc(0);

it('files of every kind are stored as they are, named, in the order of their nodes', async () => {
  const lease = { jobId: '37d9d863-7928-41c1-bc83-626c00995137', runIndex: 1, attempt: 1 } as Lease;
  const executor = {
    fetchOutput: ({ filename }: OutputFile) => Promise.resolve(Readable.from([bytesOf(filename)])),
  } as Executor;
  const files = names.map((filename, index) => ({
    ...{ nodeId: `node ${index}`, filename, subfolder: 'x', type: 'output' as const },
  }));
  const deps = {
    ...{ executor, maxOutputBytes: 1_000_000 },
    storage: createLocalBlobs(createLocalStore(dir)),
  };
  const stored = await storeOutputs(deps, lease, files, new AbortController().signal, true);
  expect(stored).toMatchObject(
    names.map((name, slot) => ({
      ...{ slot, name, nodeId: `node ${slot}`, contentType: FILES[name]?.[1] },
    })),
  );
  for (const { name = '', storageKey } of stored)
    expect(await readFile(join(dir, storageKey))).toEqual(bytesOf(name));
});
