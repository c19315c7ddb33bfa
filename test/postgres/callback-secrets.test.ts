import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createCallbackSecrets } from '../../src/db/callback-secrets.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.sql`truncate callback_secrets`;
});

describe('the secrets of tenants', () => {
  it('are made once, whoever asks first, and are not in the database', async () => {
    const secrets = createCallbackSecrets(database.sql, 'the key');
    const both = await Promise.all([secrets.list('a'), secrets.list('a'), secrets.list('b')]);
    expect(both[0]).toEqual(both[1]);
    expect(both[0][0]?.secret).not.toBe(both[2][0]?.secret);
    const rows = JSON.stringify(await database.sql`select * from callback_secrets`);
    for (const { secret } of both.flat()) {
      expect(rows).not.toContain(secret.slice(6));
      expect(() => new Webhook(secret)).not.toThrow();
    }
  });

  it('are replaced, and the one before signs for a while', async () => {
    const secrets = createCallbackSecrets(database.sql, 'the key');
    const [old] = await secrets.list('a');
    const both = await secrets.rotate('a', 60);
    expect(both).toHaveLength(2);
    expect(both[1]?.secret).toBe(old?.secret);
    expect(both[0]?.expiresAt).toBeNull();
    const [newest, ...others] = await secrets.rotate('a', 0);
    expect(others.map(({ secret }) => secret)).toEqual([old?.secret]);
    expect(both.map(({ secret }) => secret)).not.toContain(newest?.secret);
    await Promise.all([secrets.rotate('a', 0), secrets.rotate('a', 0)]);
    expect((await secrets.list('a'))[0]?.expiresAt).toBeNull();
  });
});
