import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectDatabase } from '../../src/db/connect.ts';
import { migrate } from '../../src/db/migrate.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

describe('migrate', () => {
  it('applies each migration once when two start together, and refuses a newer database', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'migrations-'));
    const [one, two] = [1, 2].map(() =>
      connectDatabase({ url: database.url, maxConnections: 1, applicationName: 'test' }),
    );
    if (!one || !two) throw new Error('unreachable');
    try {
      await database.sql`delete from migrations`;
      const url = pathToFileURL(`${folder}/`);
      await writeFile(join(folder, '0001_one.sql'), 'create table once (id integer);');
      await writeFile(
        join(folder, '0002_two.sql'),
        'select pg_sleep(0.05); create table twice (id integer);',
      );
      const applied = await Promise.all([migrate(one, url), migrate(two, url)]);
      expect(applied.flat()).toEqual(['0001_one.sql', '0002_two.sql']);

      await writeFile(
        join(folder, '0003_three.sql'),
        'create table broken (id integer); select nonsense;',
      );
      await expect(migrate(one, url)).rejects.toThrow('nonsense');
      expect((await database.sql`select to_regclass('broken') as found`)[0]?.['found']).toBeNull();

      await rm(join(folder, '0003_three.sql'));
      await rm(join(folder, '0002_two.sql'));
      await expect(migrate(two, url)).rejects.toMatchObject({
        code: 'configuration',
        message: expect.stringContaining('0002_two.sql') as string,
      });
    } finally {
      await one.end();
      await two.end();
      await rm(folder, { recursive: true });
    }
  });
});
