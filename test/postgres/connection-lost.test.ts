import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectDatabase, isDatabaseUnavailable, type Sql } from '../../src/db/connect.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

describe('a transaction that loses its connection', () => {
  let database: TestDatabase;
  let link: TcpProxy;
  let sql: Sql;
  beforeEach(async () => {
    database = await createTestDatabase();
    link = await startTcpProxy(new URL(database.url));
    const url = new URL(database.url);
    url.port = String(link.port);
    sql = connectDatabase({ url: url.href, maxConnections: 1, applicationName: 'lost' });
  });
  afterEach(async () => {
    await sql.end({ timeout: 1 });
    await link.close();
    await database.drop();
  });

  /** The process goes on, and so does the only connection of the pool. */
  const expectWhole = async (transaction: Promise<unknown>): Promise<void> => {
    const failure = await transaction.catch((error: unknown) => error);
    expect(isDatabaseUnavailable(failure), String(failure)).toBe(true);
    await link.restore();
    expect(await sql.begin((tx) => tx`select 3 as value`)).toEqual([{ value: 3 }]);
  };

  it('while it waits for something else fails, and its next query too', async () => {
    let isLost: () => void = () => undefined;
    const lost = new Promise<void>((resolve) => {
      isLost = resolve;
    });
    const later: unknown[] = [];
    const transaction = sql.begin(async (tx) => {
      await tx`select 1`;
      await link.cut();
      await lost;
      try {
        await tx`select 2`;
      } catch (error) {
        later.push(error);
        throw error;
      }
    });
    const failure = await transaction.catch((error: unknown) => error);
    isLost();
    await expectWhole(transaction);
    expect(later).toEqual([failure]);
  });

  it('with a query under way fails', async () => {
    const transaction = sql.begin(async (tx) => {
      const [slow] = await Promise.all([tx`select pg_sleep(30)`, link.cut()]);
      return slow;
    });
    await expectWhole(transaction);
  });
});
