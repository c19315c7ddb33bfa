/** What every blob store does; run for each implementation. */
import { randomBytes, createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import type { BlobStore } from '../ports.ts';

/** Registers the cases; `store` is called in each of them and gives one that may hold anything under other keys. */
export function storageCases(store: () => BlobStore): void {
  const newKey = (): string => `cases/${randomUUID()}.bin`;
  const read = async (key: string, range?: { start: number; end: number }): Promise<Buffer> => {
    const stream = await store().open(key, range);
    if (!stream) throw new Error(`${key} is absent`);
    return buffer(stream);
  };

  it('gives back what was put, with its size and digest', async () => {
    const key = newKey();
    const bytes = randomBytes(300_000);
    const stored = await store().put(key, Readable.from([bytes.subarray(0, 7), bytes.subarray(7)]));
    expect(stored).toEqual({
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    });
    expect((await read(key)).equals(bytes)).toBe(true);
    expect(await store().stat(key)).toMatchObject({ key, bytes: bytes.length });
  });

  it('takes bytes that are no stream, and none at all', async () => {
    const key = newKey();
    await store().put(key, new Uint8Array([1, 2, 3]));
    expect([...(await read(key))]).toEqual([1, 2, 3]);
    await store().put(key, new Uint8Array());
    expect(await store().stat(key)).toMatchObject({ bytes: 0 });
  });

  it('replaces under the same key', async () => {
    const key = newKey();
    await store().put(key, Buffer.from('first, longer'));
    await store().put(key, Buffer.from('second'));
    expect((await read(key)).toString()).toBe('second');
  });

  it('reads ranges with both ends inclusive', async () => {
    const key = newKey();
    await store().put(key, Buffer.from('0123456789'));
    expect((await read(key, { start: 2, end: 4 })).toString()).toBe('234');
    expect((await read(key, { start: 9, end: 9 })).toString()).toBe('9');
  });

  it('knows nothing of absent keys and deletes them without complaint', async () => {
    const key = newKey();
    expect(await store().open(key)).toBeUndefined();
    expect(await store().stat(key)).toBeUndefined();
    await store().delete(key);
    await store().put(key, Buffer.from('x'));
    await store().delete(key);
    expect(await store().stat(key)).toBeUndefined();
  });

  it('lists what there is', async () => {
    const keys = [newKey(), `cases/deeper/${randomUUID()}`];
    for (const key of keys) await store().put(key, Buffer.from('x'));
    const listed: string[] = [];
    for await (const { key } of store().list()) listed.push(key);
    expect(listed).toEqual(expect.arrayContaining(keys));
  });

  it('keeps nothing of a source that fails in the middle', async () => {
    const key = newKey();
    const source = Readable.from(
      (async function* () {
        yield Buffer.from('half');
        throw new Error('the source broke');
      })(),
    );
    await expect(store().put(key, source)).rejects.toThrow('the source broke');
    expect(await store().stat(key)).toBeUndefined();
  });

  it('lets the last of several writers at once win whole', async () => {
    const key = newKey();
    const values = Array.from({ length: 8 }, (_, index) => String(index).repeat(100_000));
    await Promise.all(values.map((value) => store().put(key, Buffer.from(value))));
    expect(values).toContain((await read(key)).toString());
  });

  it.each([
    '../x',
    '/etc/passwd',
    'a/../../x',
    'a//b',
    'a\\b',
    '',
    '.',
    'a/./b',
    'ä',
    'a\u0000b',
    'x'.repeat(201),
  ])('refuses the key %j', async (key) => {
    await expect(store().put(key, Buffer.from('x'))).rejects.toMatchObject({
      code: 'invalid_request',
    });
    await expect(Promise.resolve().then(() => store().open(key))).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });
}
