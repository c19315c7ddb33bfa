import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createBlobRecords, type NewBlobRecord } from '../../src/db/blobs.ts';
import {
  createResourceStore,
  type NewResource,
  type ResourceStore,
} from '../../src/db/resources.ts';
import { seedCatalogue } from '../../src/db/seed-catalogue.ts';
import { createServerCount } from '../../src/db/servers.ts';
import { blobSigningKey, createSettingsStore } from '../../src/db/settings.ts';
import { SAMPLE_MODELS } from '../../src/domain/sample-models.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const resource = (air: string, change: Partial<NewResource> = {}): NewResource => ({
  air,
  modelName: 'A model',
  type: 'checkpoint',
  details: { description: 'plain', tags: ['a', 'b'] },
  ...change,
});
const SDXL = 'urn:air:sdxl:checkpoint:civitai:101055@128078';

describe('the resource store', () => {
  let store: ResourceStore;
  /** The entries that are addressed by an AIR. */
  const addressed = async (tenant: string, air: string) =>
    (await store.listMatches(tenant, [air], 'strict')).get(air);
  beforeEach(async () => {
    await database.sql`delete from resources`;
    store = createResourceStore(database.sql);
  });

  it('gives back what was inserted, with every detail', async () => {
    const made = await store.insertResource('t', resource(SDXL, { fileName: 'x.safetensors' }));
    expect(made).toMatchObject({
      air: SDXL,
      fileName: 'x.safetensors',
      details: { tags: ['a', 'b'] },
    });
    expect(made.createdAt).toBeInstanceOf(Date);
    expect(await addressed('t', SDXL)).toEqual([made]);
    expect(await addressed('t', '@civitai/128078')).toEqual([made]);
  });

  it('refuses a second of the same AIR with conflict, and not for another tenant', async () => {
    await store.insertResource('t', resource(SDXL));
    await expect(store.insertResource('t', resource(SDXL))).rejects.toMatchObject({
      code: 'conflict',
    });
    await store.insertResource('other', resource(SDXL));
  });

  it('hides entries from other tenants', async () => {
    await store.insertResource('t', resource(SDXL));
    expect(await addressed('other', SDXL)).toBeUndefined();
    expect((await store.findResources('other', [SDXL, '@civitai/128078'])).size).toBe(0);
    expect(await store.deleteResource('other', SDXL)).toBe(false);
    expect(await store.updateResource('other', SDXL, (current) => current)).toBeUndefined();
    expect(await store.listResources('other', { page: 1, limit: 10 })).toEqual({
      total: 0,
      items: [],
    });
  });

  it('finds many in one go, in any spelling, but exactly where an entry is addressed', async () => {
    await store.insertResource('t', resource(SDXL));
    const guessed = 'urn:air:sd1:model:civitai:101055@128078';
    const found = await store.findResources('t', [
      SDXL,
      guessed,
      'civitai:101055@128078',
      '@civitai/128078',
      '@civitai/128078.safetensors',
      `${SDXL}+7`,
      'civitai:1@128078',
    ]);
    expect([...found.keys()]).toEqual([
      ...[SDXL, guessed, 'civitai:101055@128078', '@civitai/128078'],
      ...['@civitai/128078.safetensors', `${SDXL}+7`],
    ]);
    expect(await addressed('t', guessed)).toBeUndefined();
  });

  it('finds both by a short form that two entries share, and gives a job neither', async () => {
    for (const repo of ['a/x', 'b/y'])
      await store.insertResource('t', resource(`urn:air:sdxl:lora:huggingface:${repo}@main`));
    expect(await addressed('t', '@huggingface/main')).toHaveLength(2);
    expect((await store.findResources('t', ['@huggingface/main'])).size).toBe(0);
    expect(await addressed('t', 'urn:air:sdxl:lora:huggingface:a/x@main')).toMatchObject([
      { air: expect.stringContaining('a/x') },
    ]);
  });

  it('pages in order of creation and takes % and _ in a search literally', async () => {
    for (let id = 1; id <= 5; id += 1)
      await store.insertResource(
        't',
        resource(`urn:air:sdxl:checkpoint:civitai:9@${id}`, { modelName: `50%_${id}` }),
      );
    await store.insertResource('t', resource(SDXL));
    const page = await store.listResources('t', { page: 2, limit: 2, q: '50%_' });
    expect(page.total).toBe(5);
    expect(page.items.map(({ modelName }) => modelName)).toEqual(['50%_3', '50%_4']);
    expect((await store.listResources('t', { page: 1, limit: 5, q: '0x' })).total).toBe(0);
    expect((await store.listResources('t', { page: 1, limit: 5, q: 'PLAIN' })).total).toBe(6);
  });

  it('loses no change when many merge at once', async () => {
    await store.insertResource('t', resource(SDXL, { details: {} }));
    await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        store.updateResource('t', SDXL, (current) => ({
          ...current,
          details: { ...current.details, [`f${index}`]: true },
        })),
      ),
    );
    const [found] = (await addressed('t', SDXL)) ?? [];
    expect(Object.keys(found?.details ?? {})).toHaveLength(10);
    expect(found && found.updatedAt > found.createdAt).toBe(true);
  });

  it('seeds an empty catalogue once, also when two start together, and never a used one', async () => {
    const counts = await Promise.all([seedCatalogue(store, 't'), seedCatalogue(store, 't')]);
    expect(counts.sort((a, b) => a - b)).toEqual([0, SAMPLE_MODELS.length]);
    await store.insertResource('used', resource(SDXL));
    expect(await seedCatalogue(store, 'used')).toBe(0);
  });
});

describe('blob records', () => {
  const record = (id: string, change: Partial<NewBlobRecord> = {}): NewBlobRecord => ({
    id,
    tenant: 't',
    jobId: null,
    storageKey: `outputs/${id}`,
    contentType: 'image/png',
    bytes: 5_000_000_000,
    sha256: 'ab',
    width: 8,
    height: null,
    expiresAt: new Date(Date.now() + 60_000),
    ...change,
  });

  it('are found until their retention ends, and point to the newest file', async () => {
    const records = createBlobRecords(database.sql);
    await records.putBlobs([record('A.png'), record('OLD.png', { expiresAt: new Date(0) })]);
    expect(await records.findBlob('A.png')).toMatchObject({
      bytes: 5_000_000_000,
      width: 8,
      height: null,
    });
    expect(await records.findBlob('OLD.png')).toBeUndefined();
    await records.putBlobs([record('A.png', { storageKey: 'outputs/second' })]);
    expect(await records.findBlob('A.png')).toMatchObject({ storageKey: 'outputs/second' });
    expect(await records.findReferenced(['outputs/A.png', 'outputs/second'])).toEqual(
      new Set(['outputs/second']),
    );
    expect(await records.listExpiredBlobs(10)).toEqual([
      { id: 'OLD.png', storageKey: 'outputs/OLD.png' },
    ]);
    await records.deleteBlobs(['OLD.png']);
    expect(await records.listExpiredBlobs(10)).toEqual([]);
    await records.putBlobs([]);
  });
});

describe('settings', () => {
  it('give every process the same signing key, and the configured one where there is one', async () => {
    const settings = createSettingsStore(database.sql);
    const keys = await Promise.all(
      Array.from({ length: 8 }, () => blobSigningKey(settings, undefined)),
    );
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]?.length).toBeGreaterThan(40);
    expect(await blobSigningKey(settings, 'configured-key-1')).toBe('configured-key-1');
  });
});

describe('the number of servers', () => {
  it('tells those that answer from those of which nobody reported for long', async () => {
    const count = createServerCount(database.sql);
    expect(await count()).toEqual({ known: 0, live: 0 });
    await database.sql`
      insert into servers (id, pool, room, reachable, reported_at) values
        ('a', 'default', 2, true, now()),
        ('down', 'default', 2, false, now()),
        ('silent', 'default', 2, true, now() - interval '5 minutes')`;
    expect(await count()).toEqual({ known: 3, live: 1 });
  });
});
