/** Keys: what they may, until when, and when they were used. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  runKeysCreate,
  runKeysList,
  runKeysRevoke,
  runKeysRotate,
  type KeyOptions,
} from '../../src/commands/keys.ts';
import { loadConfig, type Config } from '../../src/config.ts';
import { createKeyStore, type KeyStore } from '../../src/db/keys.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let store: KeyStore;
let config: Config;
beforeAll(async () => {
  database = await createTestDatabase();
  store = createKeyStore(database.sql);
  config = loadConfig({ DATABASE_URL: database.url });
});
afterAll(() => database.drop());
beforeEach(() => database.sql`delete from api_keys`);

const KEY = /^orc_[A-Za-z0-9_-]{43}$/;
const printed = async (
  run: (print: (line: string) => void) => Promise<void>,
): Promise<string[]> => {
  const lines: string[] = [];
  await run((line) => lines.push(line));
  return lines;
};
const create = (options: Partial<KeyOptions>): Promise<string[]> =>
  printed((print) =>
    runKeysCreate(config, print, {
      ...{ tenant: 'alice', name: 'laptop', catalogue: false, operator: false },
      ...options,
    }),
  );
const keyIn = (lines: readonly string[]): string => lines.find((line) => KEY.test(line)) ?? '';

describe('the key store', () => {
  it('makes keys that work until they are revoked and keeps only their hash', async () => {
    const { key, info } = await store.createKey('alice', 'laptop');
    expect(key).toMatch(KEY);
    expect(info).toMatchObject({
      ...{ tenant: 'alice', name: 'laptop', hint: key.slice(0, 8), operator: false },
      ...{ scopes: null, requestsPerMinute: null, expiresAt: null },
      ...{ revokedAt: null, lastUsedAt: null },
    });
    expect(await store.listKeys('alice')).toEqual([info]);
    expect(await store.listKeys('bob')).toEqual([]);
    expect(await store.findHolder(key)).toEqual({
      ...{ id: info.id, tenant: 'alice', operator: false, scopes: null },
      ...{ requestsPerMinute: null, expiresAt: null, isExpired: false },
    });
    expect(await store.findHolder(`${key.slice(0, -1)}!`)).toBeUndefined();
    expect(await store.findHolder(`orc_${'x'.repeat(43)}`)).toBeUndefined();
    const rows = await database.sql`select * from api_keys`;
    expect(JSON.stringify(rows)).not.toContain(key);
    expect(await store.revokeKey(info.id)).toBe(true);
    expect(await store.revokeKey(info.id)).toBe(false);
    expect(await store.revokeKey('no uuid')).toBe(false);
    expect(await store.findHolder(key)).toBeUndefined();
  });

  it('notes a use once in a few minutes, not at every look', async () => {
    const { key, info } = await store.createKey('alice', 'laptop');
    const lastUse = async () => (await store.listKeys())[0]?.lastUsedAt?.getTime();
    await store.findHolder(key);
    const first = await lastUse();
    expect(first).toBeGreaterThan(info.createdAt.getTime() - 1);
    await store.findHolder(key);
    expect(await lastUse()).toBe(first);
    await database.sql`update api_keys set last_used_at = now() - interval '6 minutes'`;
    await store.findHolder(key);
    expect(await lastUse()).toBeGreaterThanOrEqual(first ?? Infinity);
  });

  it('says that a key has ended, and notes no use of it', async () => {
    const expiresAt = new Date(Date.now() - 1_000);
    const { key } = await store.createKey('alice', 'laptop', { expiresAt });
    expect(await store.findHolder(key)).toMatchObject({ isExpired: true, expiresAt });
    expect((await store.listKeys())[0]?.lastUsedAt).toBeNull();
  });
});

describe('a key that is rotated', () => {
  it('stays good for the overlap, and the new one has its terms', async () => {
    const terms = { operator: true, scopes: ['jobs:read'], requestsPerMinute: 5 } as const;
    const old = await store.createKey('alice', 'ci', {
      ...terms,
      expiresAt: new Date(Date.now() + 86_400_000),
    });
    const made = await store.rotateKey(old.info.id, 3_600);
    expect(made?.info).toMatchObject({ tenant: 'alice', name: 'ci', ...terms });
    expect(made?.key).not.toBe(old.key);
    const [before, after] = await store.listKeys();
    const hoursLeft = (at: Date | null | undefined) =>
      Math.round(((at?.getTime() ?? 0) - Date.now()) / 3_600_000);
    expect(hoursLeft(before?.expiresAt)).toBe(1);
    expect(hoursLeft(after?.expiresAt)).toBe(24);
    expect((await store.findHolder(old.key))?.isExpired).toBe(false);
    // What ends sooner by itself is not prolonged.
    await store.rotateKey(old.info.id, 7_200);
    expect(hoursLeft((await store.listKeys())[0]?.expiresAt)).toBe(1);
  });

  it('is not one that is revoked, has ended or never was', async () => {
    const revoked = await store.createKey('alice', 'a');
    await store.revokeKey(revoked.info.id);
    const ended = await store.createKey('alice', 'b', { expiresAt: new Date(0) });
    for (const id of [revoked.info.id, ended.info.id, 'no uuid'])
      expect(await store.rotateKey(id, 60)).toBeUndefined();
    expect(await store.listKeys()).toHaveLength(2);
  });
});

describe('orchestrator keys', () => {
  it('makes, lists, rotates and revokes keys; each is shown once', async () => {
    const made = await create({
      ...{ operator: true, scope: ['jobs:read,jobs:write', 'servers:read'] },
      ...{ days: '30', requestsPerMinute: '120' },
    });
    const key = keyIn(made);
    expect(made.join('\n')).toContain(
      'of tenant alice, operator, jobs:read jobs:write servers:read, 120 requests/min, until ',
    );
    const { id = '' } = (await store.listKeys())[0] ?? {};
    await store.findHolder(key);
    const rotated = await printed((print) =>
      runKeysRotate(config, print, id, { overlapHours: '0' }),
    );
    expect(rotated[0]).toBe(`Key ${id} is refused within seconds.`);
    await printed((print) => runKeysRevoke(config, print, (rotated[1] ?? '').split(' ')[1] ?? ''));
    const listed = await printed((print) => runKeysList(config, print));
    expect(listed[0]).toMatch(/jobs:read jobs:write servers:read .* used 2\S+Z {2}expired$/);
    expect(listed[1]).toMatch(/never used {2}revoked$/);
    for (const secret of [key, keyIn(rotated)]) expect(listed.join('\n')).not.toContain(secret);
  });

  it('makes a key that may everything when nothing is said', async () => {
    expect((await create({}))[0]).toContain('of tenant alice, all scopes. ');
    expect(await store.findHolder(keyIn(await create({})))).toMatchObject({ scopes: null });
  });

  it.each([
    [{ scope: ['jobs:read', 'jobs:all'] }, "there is no 'jobs:all'; there are jobs:read, "],
    [{ days: '-1' }, "--days: expected a number from 0 to 36500; seen '-1'"],
    [{ days: 'soon' }, "seen 'soon'"],
    [{ requestsPerMinute: '1.5' }, 'a whole number from 0'],
  ])('refuses %j and makes no key', async (options, words) => {
    await expect(create(options)).rejects.toThrow(words);
    expect(await store.listKeys()).toEqual([]);
  });

  it('names an id that is no key', async () => {
    await expect(
      printed((print) => runKeysRotate(config, print, 'x', { overlapHours: '1' })),
    ).rejects.toThrow('There is no key x');
    await expect(printed((print) => runKeysRevoke(config, print, 'x'))).rejects.toThrow(
      'There is no key x',
    );
  });
});
