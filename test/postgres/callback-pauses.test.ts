/** A receiver that asks for a pause gets it, whatever becomes of the worker that was asked. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCallbackLog, type DeliveryRecord } from '../../src/db/callback-log.ts';
import { createAddressRules } from '../../src/net/address-rules.ts';
import { createOutgoing } from '../../src/net/outgoing.ts';
import { startCallbackReceiver, type CallbackReceiver } from '../support/callback-receiver.ts';
import { createCallbackSender, newToldJob } from '../support/callback-sender.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

const HOUR_MS = 3_600_000;

let database: TestDatabase;
let receiver: CallbackReceiver;
let log: ReturnType<typeof createCallbackLog>;
let turn: ReturnType<typeof createCallbackSender>;
beforeAll(async () => {
  [database, receiver] = await Promise.all([createTestDatabase(), startCallbackReceiver()]);
  log = createCallbackLog(database.sql);
  turn = createCallbackSender(database.sql, createOutgoing(createAddressRules(['127.0.0.0/8'])));
});
afterAll(async () => {
  await receiver.close();
  await database.drop();
});

const answers = (status: number, retryAfter?: string): void =>
  receiver.answer((_one, response) => {
    if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter);
    return status;
  });

const told = (path: string): Promise<string> => newToldJob(database.sql, receiver.url + path);
const triesAt = (path: string): number =>
  receiver.received.filter((one) => one.path === path).length;
const first = async (jobId: string): Promise<DeliveryRecord> => {
  const [record] = await log.listDeliveries('local', jobId);
  if (!record) throw new Error('nothing is told of this job');
  return record;
};
/** From the try that failed until the next one, as the log shows it. */
const pauseOf = ({ triedAt, nextTryAt }: DeliveryRecord): number =>
  (nextTryAt?.getTime() ?? NaN) - (triedAt?.getTime() ?? NaN);
/** PostgreSQL's clock has microseconds, a date has none. */
const EXACT_MS = 2;

describe('a receiver that asks for a pause', () => {
  it('gets it, also when the worker died before it was told, or more happens to the job', async () => {
    answers(503, '3600');
    const jobId = await newToldJob(database.sql, `${receiver.url}/pause`, [
      'Initialized',
      'Deleted',
    ]);
    const asked = await turn(jobId);
    expect(asked).toMatchObject({ outcome: 'failed' });
    const record = await first(jobId);
    expect(record).toMatchObject({ state: 'pending', tries: 1, status: 503 });
    expect(record.error).toBe('The receiver answered 503 and asked for no try within 3600 s.');
    expect(pauseOf(record)).toBeGreaterThanOrEqual(HOUR_MS - EXACT_MS);
    expect(pauseOf(record)).toBeLessThanOrEqual(1.1 * HOUR_MS + EXACT_MS);

    answers(204);
    await database.sql`update jobs set state = 'canceled', finished_at = now() where id = ${jobId}`;
    const again = await turn(jobId);
    expect(again).toMatchObject({ outcome: 'failed', waitMs: expect.any(Number) });
    expect(again.outcome === 'failed' && again.waitMs).toBeGreaterThan(HOUR_MS / 2);
    expect(await first(jobId)).toEqual(record);
    expect(triesAt('/pause')).toBe(1);

    await log.redeliver('local', jobId, 1);
    expect(await turn(jobId)).toEqual({ outcome: 'done' });
    expect(receiver.accepted('/pause')).toEqual([
      `msg_${jobId}_1_Initialized`,
      `msg_${jobId}_2_Deleted`,
    ]);
  });

  it('with a date gets it too', async () => {
    answers(429, new Date(Date.now() + 2 * HOUR_MS).toUTCString());
    const jobId = await told('/date');
    await turn(jobId);
    const pause = pauseOf(await first(jobId));
    // The date has whole seconds, and so has the answer's own from which it is counted.
    expect(pause).toBeGreaterThan(2 * HOUR_MS - 120_000);
    expect(pause).toBeLessThanOrEqual(1.1 * (2 * HOUR_MS + 1_000) + EXACT_MS);
  });

  it.each([
    ['for ever', 503, '999999999999999', 6 * HOUR_MS],
    ['until a year from now', 429, 'Fri, 31 Dec 9999 23:59:59 GMT', 6 * HOUR_MS],
    ['nothing that can be read', 503, 'when we are back', 5_000 * 0.95],
    ['none, with another status', 500, '3600', 5_000 * 0.95],
    ['less than is waited anyway', 503, '1', 5_000 * 0.95],
  ])('%s gets a bounded one', async (path, status, retryAfter, leastMs) => {
    answers(status, retryAfter);
    const jobId = await told(`/${encodeURIComponent(path)}`);
    await turn(jobId);
    const pause = pauseOf(await first(jobId));
    expect(pause).toBeGreaterThanOrEqual(leastMs - EXACT_MS);
    expect(pause).toBeLessThanOrEqual(leastMs * 1.12 + EXACT_MS);
  });

  it('does not keep a delivery beyond its three days', async () => {
    answers(503, '86400');
    const jobId = await told('/three-days');
    await database.sql`update callback_deliveries set asked_at = now() - interval '71 hours 30 minutes'
      where stream_id = ${jobId}`;
    const turned = await turn(jobId);
    expect(turned.outcome === 'failed' && turned.waitMs).toBeLessThanOrEqual(HOUR_MS / 2);
    await database.sql`update callback_deliveries set asked_at = now() - interval '73 hours' where stream_id = ${jobId}`;
    await database.sql`update callback_streams set due_at = now() where id = ${jobId}`;
    expect(await turn(jobId)).toEqual({ outcome: 'done' });
    expect(await first(jobId)).toMatchObject({ state: 'dead', tries: 2 });
  });

  it('does not put off what was asked for while it answered', async () => {
    let answer = (): unknown => undefined;
    receiver.answer((_one, response) => {
      answer = () => response.writeHead(503, { 'retry-after': '3600' }).end();
      return undefined;
    });
    const jobId = await told('/meanwhile');
    const turned = turn(jobId);
    await until('the receiver has it', () => triesAt('/meanwhile') === 1);
    await log.redeliver('local', jobId, 1);
    answer();
    await turned;
    answers(204);
    expect(await turn(jobId)).toEqual({ outcome: 'done' });
    expect(triesAt('/meanwhile')).toBe(2);
  });
});
