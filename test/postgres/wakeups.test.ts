import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connectDatabase, type Sql } from '../../src/db/connect.ts';
import { createWakeups, type Channel, type Wakeups } from '../../src/db/wakeups.ts';
import { silentLogger } from '../../src/telemetry.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let proxy: TcpProxy;
beforeAll(async () => {
  database = await createTestDatabase();
  proxy = await startTcpProxy(new URL(database.url));
});
afterAll(async () => {
  await proxy.close();
  await database.drop();
});

const open: { sql: Sql; wakeups: Wakeups }[] = [];
afterEach(async () => {
  for (const { sql, wakeups } of open.splice(0)) {
    await wakeups.close();
    await sql.end({ timeout: 1 });
  }
});

/** Wake-ups as another process has them: over connections of its own. */
async function startProcess(port?: number): Promise<Wakeups> {
  const url = new URL(database.url);
  if (port !== undefined) url.port = String(port);
  const sql = connectDatabase({ url: url.href, maxConnections: 1, applicationName: 'test' });
  const wakeups = await createWakeups(sql, silentLogger);
  open.push({ sql, wakeups });
  return wakeups;
}

/** Everything a listener is called with. */
function listenTo(wakeups: Wakeups, channel: Channel) {
  const calls: (readonly string[])[] = [];
  const stop = wakeups.on(channel, (ids) => calls.push(ids));
  return { calls, stop, ids: () => calls.flat() };
}

describe('wake-ups', () => {
  it('reach their own process at once and others by notification, with ids', async () => {
    const [here, there] = [await startProcess(), await startProcess()];
    const mine = listenTo(here, 'done');
    const theirs = listenTo(there, 'done');
    const others = listenTo(there, 'room');
    here.wake('done', 'a');
    expect(mine.calls).toEqual([['a']]);
    await until('the other process hears it', () => theirs.ids().includes('a'));
    expect(mine.calls).toEqual([['a']]);
    expect(others.calls).toEqual([]);
  });

  it('are sent together when many come in a moment, and none is lost', async () => {
    const [here, there] = [await startProcess(), await startProcess()];
    const theirs = listenTo(there, 'done');
    const ids = Array.from({ length: 500 }, (_, index) => `id-${index}`);
    for (const id of ids) here.wake('done', id);
    here.wake('outbox');
    await until('all have arrived', () => theirs.ids().length >= ids.length);
    expect([...theirs.ids()].sort()).toEqual([...ids].sort());
    expect(theirs.calls.length).toBeLessThanOrEqual(10);
  });

  it('without an id say that anything may have changed', async () => {
    const [here, there] = [await startProcess(), await startProcess()];
    const theirs = listenTo(there, 'outbox');
    here.wake('outbox');
    await until('the other process hears it', () => theirs.calls.length > 0);
    expect(theirs.calls).toEqual([[]]);
  });

  it('stop when the listener wants no more', async () => {
    const here = await startProcess();
    const mine = listenTo(here, 'done');
    mine.stop();
    here.wake('done', 'a');
    expect(mine.calls).toEqual([]);
  });

  it('wake everybody after the connection was lost, and go on arriving', async () => {
    const [here, behind] = [await startProcess(), await startProcess(proxy.port)];
    const lost = listenTo(behind, 'done');
    await proxy.cut();
    here.wake('done', 'while-away');
    behind.wake('done', 'own');
    await until('its own process heard it', () => lost.ids().includes('own'));
    const before = lost.calls.length;
    await proxy.restore();
    await until('it is told to look', () =>
      lost.calls.slice(before).some((ids) => ids.length === 0),
    );
    await until('it hears again', () => {
      here.wake('done', 'after');
      return lost.ids().includes('after');
    });
  });

  it('close while the database is away', async () => {
    const behind = await startProcess(proxy.port);
    await proxy.cut();
    behind.wake('done', 'a');
    await behind.close();
    await proxy.restore();
  });
});
