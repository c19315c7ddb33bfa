import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeZip, type ZippedFile } from '../../test/fixtures/make-zip.ts';
import type { NewBlobRecord } from '../db/blobs.ts';
import { createLocalStore } from '../storage/local.ts';
import { unpackTraining } from './unpack-training.ts';

/** One transparent pixel. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);
const OWNER = { jobId: '37d9d863-7928-41c1-bc83-626c00995137', tenant: 'local' };

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'unpack-'));
});
afterAll(() => rm(dir, { recursive: true }));

const file = (name: string, data: Buffer | string = PNG, method: 0 | 8 = 8): ZippedFile => ({
  ...{ name, method },
  data: Buffer.from(data),
});

async function unpack(zip: Buffer, maxInputBytes = 1_000_000) {
  const storage = createLocalStore(dir);
  const records = new Map<string, NewBlobRecord>();
  const { sha256 } = await storage.put('inputs/archive', zip);
  const pictures = await unpackTraining(
    {
      ...{ storage, maxInputBytes, blobRetentionDays: 1 },
      outgoing: { get: () => Promise.reject(new Error('nothing is fetched')) },
      blobs: {
        findBlob: () => Promise.resolve(undefined),
        listBlobs: () => Promise.resolve(new Map()),
        putBlobs: (more) => {
          for (const record of more) records.set(record.id, record);
          return Promise.resolve();
        },
      },
    },
    OWNER,
    { ref: 'inputs/archive', sha256, bytes: zip.length },
  );
  return { pictures, records };
}

describe('an archive of training pictures', () => {
  it('gives its pictures in the order of their names, each with what it shows', async () => {
    const zip = makeZip([
      ...[file('set/b.PNG'), file('set/b.txt', ' a wall\n'), file('set/a.png', PNG, 0)],
      ...[file('__MACOSX/a.png', 'x'), file('.DS_Store', 'x'), file('readme.md', 'x')],
    ]);
    const { pictures, records } = await unpack(zip);
    expect(pictures.map(({ role, caption, extension }) => [role, caption, extension])).toEqual([
      ['data-0', '', 'png'],
      ['data-1', 'a wall', 'png'],
    ]);
    expect([...records.values()]).toMatchObject([
      { tenant: 'local', jobId: OWNER.jobId, contentType: 'image/png', bytes: PNG.length },
      { contentType: 'image/png' },
    ]);
    expect((await unpack(zip)).pictures).toEqual(pictures);
  });

  it.each<[string, Buffer, RegExp]>([
    ['no archive', Buffer.from('PK\x03\x04 and no more'), /no zip archive/],
    ['an archive that was cut off', makeZip([file('a.png')]).subarray(0, 60), /no zip archive/],
    ['no picture', makeZip([file('a.txt', 'x')]), /1 files and 0 pictures/],
    [
      'too many pictures',
      makeZip(Array.from({ length: 101 }, (_, index) => file(`${index}.png`))),
      /101 pictures/,
    ],
    ['a picture that is none', makeZip([file('a.png', '<html>')]), /"a\.png", which is no picture/],
    ['a video under the name of a picture', makeZip([file('a.png', 'GIF8')]), /no picture/],
    [
      'a picture that unpacks to too much',
      makeZip([file('a.png', Buffer.alloc(2_000_000))]),
      /unpacked/,
    ],
    [
      'one stored that is too large',
      makeZip([file('a.png', Buffer.alloc(2_000_000), 0)]),
      /too large/,
    ],
    [
      'what a picture shows, at too great length',
      makeZip([file('a.png'), file('a.txt', 'x'.repeat(70_000))]),
      /"a\.txt", which cannot be unpacked/,
    ],
  ])('is refused with %s', async (_what, zip, message) => {
    await expect(unpack(zip)).rejects.toMatchObject({
      code: 'input_invalid',
      message: expect.stringMatching(message) as string,
    });
  });

  it('is refused when its directory leads out of it', async () => {
    const zip = makeZip([file('a.png')]);
    zip.writeUInt32LE(0xfffffff0, zip.indexOf(Buffer.from('504b0102', 'hex')) + 42);
    await expect(unpack(zip)).rejects.toMatchObject({ code: 'input_invalid' });
  });
});
