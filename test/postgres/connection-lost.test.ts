import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { arrayTypes } from '../../src/db/array-types.ts';
import { connectDatabase, isDatabaseUnavailable, type Sql } from '../../src/db/connect.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

/** A pool of one connection, over a link that a test can break. */
const useLink = () => {
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
  return { link: () => link, sql: () => sql };
};

describe('a transaction that loses its connection', () => {
  const { link, sql } = useLink();

  /** The process goes on, and so does the only connection of the pool. */
  const expectWhole = async (transaction: Promise<unknown>): Promise<void> => {
    const failure = await transaction.catch((error: unknown) => error);
    expect(isDatabaseUnavailable(failure), String(failure)).toBe(true);
    await link().restore();
    expect(await sql().begin((tx) => tx`select 3 as value`)).toEqual([{ value: 3 }]);
  };

  it('while it waits for something else fails, and its next query too', async () => {
    let isLost: () => void = () => undefined;
    const lost = new Promise<void>((resolve) => {
      isLost = resolve;
    });
    const later: unknown[] = [];
    const transaction = sql().begin(async (tx) => {
      await tx`select 1`;
      await link().cut();
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
    const transaction = sql().begin(async (tx) => {
      const [slow] = await Promise.all([tx`select pg_sleep(30)`, link().cut()]);
      return slow;
    });
    await expectWhole(transaction);
  });
});

describe('a connection that is reset under a query', () => {
  const { link, sql } = useLink();

  it('fails what is asked before it counts as closed, and answers what comes after', async () => {
    await sql()`select 1`;
    // Asked as soon as the first one fails, when the driver still takes the connection for a busy one.
    const both = sql()`select pg_sleep(30)`.catch((first: unknown) =>
      sql()`select 2`.catch((second: unknown) => [first, second]),
    );
    await setImmediate();
    link().reset();
    for (const failure of await both) expect(isDatabaseUnavailable(failure)).toBe(true);
    const answers = await Promise.all(
      [3, 4, 5].map((value) => sql()`select ${value}::int as value`),
    );
    expect(answers.flat()).toEqual([3, 4, 5].map((value) => ({ value })));
  });

  it.each(['reset', 'cut'] as const)('%s, and the pool can be closed', async (how) => {
    await sql()`select 1`;
    const failing = sql()`select pg_sleep(30)`.catch((error: unknown) => error);
    await setImmediate();
    await link()[how]();
    expect(isDatabaseUnavailable(await failing)).toBe(true);
    // Without a time limit: the driver waited for the failed query here.
    await sql().end();
  });
});

describe('a pool whose connections are cut at every moment, also while they begin', () => {
  const CONNECTIONS = 8;
  let database: TestDatabase;
  let sql: Sql;
  beforeEach(async () => {
    database = await createTestDatabase();
    sql = connectDatabase({
      url: database.url,
      maxConnections: CONNECTIONS,
      applicationName: 'cut',
    });
  });
  afterEach(async () => {
    await sql.end({ timeout: 1 });
    await database.drop();
  });

  const statements: readonly (() => Promise<unknown>)[] = [
    () => sql`select ${'a'}::text, array['x', 'y']`,
    // Asked in the phase of the event loop just before sockets are closed.
    () => setImmediate().then(() => sql`select ${['b', 'c']}::text[]`),
    () =>
      sql.begin(async (tx) => {
        await tx`select 1`;
        await setImmediate();
        await tx`select ${'a'}::text`;
      }),
    () => setImmediate().then(() => sql.begin((tx) => Promise.all([tx`select 1`, tx`select 2`]))),
  ];

  it('fails the query whose connection is cut by its first statement, and nothing else', async () => {
    const PARSE = 'P'.charCodeAt(0);
    const link = await startTcpProxy(new URL(database.url), (bytes) => bytes[0] === PARSE);
    const url = new URL(database.url);
    url.port = String(link.port);
    const cut = connectDatabase({ url: url.href, maxConnections: 1, applicationName: 'first' });
    // An error that is nobody's would be the end of the process, and is the end of this test run.
    const failure = await cut`select ${'a'}::text`.catch((error: unknown) => error);
    expect(isDatabaseUnavailable(failure), String(failure)).toBe(true);
    await cut.end({ timeout: 1 });
    await link.close();
  });

  it('ends no process and is whole when that is over', async () => {
    let isOver = false;
    const asking = Array.from({ length: 20 }, async (_, at) => {
      while (!isOver) {
        await statements[at % statements.length]?.().catch((error: unknown) =>
          expect(isDatabaseUnavailable(error), String(error)).toBe(true),
        );
        await setImmediate();
      }
    });
    for (let cuts = 0; cuts < 300; cuts += 1)
      await database.sql`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name = 'cut'`;
    isOver = true;
    await Promise.all(asking);

    // More at once than the pool has, so that each of its connections is asked. One that is spoiled answers none in time.
    const answers = await Promise.all(
      Array.from({ length: 4 * CONNECTIONS }, (_, at) => sql`select ${at}::int as value`),
    );
    expect(answers.flat()).toEqual(answers.map((_, value) => ({ value })));
  });
});

describe('arrays', () => {
  it('go to the database and come back as they were', async () => {
    const database = await createTestDatabase();
    try {
      const words = [
        'plain',
        '',
        'null',
        'with "quotes"',
        'back\\slash',
        '{a,b}',
        ' space ',
        'ü🙂',
      ];
      const when = new Date('2026-01-02T03:04:05.678Z');
      const id = '7d444840-9dc0-11d1-b245-5ffdce74fad2';
      const [row] = await database.sql`
        select ${words}::text[] as words, ${[]}::text[] as none, ${[id]}::uuid[] as ids,
          ${[1, -2]}::int[] as ints, ${[2 ** 40]}::bigint[] as bigints, array[1.5::float8] as floats,
          array[true, false] as flags, array['a', null]::varchar[] as holes,
          array[${when.toISOString()}::timestamptz] as times`;
      expect(row).toEqual({
        words,
        none: [],
        ids: [id],
        ints: [1, -2],
        bigints: [2 ** 40],
        floats: [1.5],
        flags: [true, false],
        holes: ['a', null],
        times: [when],
      });
    } finally {
      await database.drop();
    }
  });

  it('of every type that a column has are known to the program', async () => {
    const database = await createTestDatabase();
    try {
      const columns = await database.sql<{ type: number }[]>`
        select distinct a.atttypid::int as type from pg_attribute a
        join pg_class c on c.oid = a.attrelid join pg_type t on t.oid = a.atttypid
        where c.relnamespace = 'public'::regnamespace and a.attnum > 0 and t.typcategory = 'A'`;
      const known = Object.values(arrayTypes).map(({ to }) => to);
      expect(columns.length).toBeGreaterThan(0);
      for (const { type } of columns) expect(known).toContain(type);
    } finally {
      await database.drop();
    }
  });
});
