import { describe, expect, it } from 'vitest';
import {
  call,
  listen,
  post,
  textToImage,
  until,
  withSimulator,
  type Json,
  type Session,
} from './simulator-session.ts';

const slow = (seed: number) => textToImage({ seed, steps: 1000 });

const queueOf = async (session: Session): Promise<Json> =>
  (await call(`${session.url}/queue`)).body;

const running = (session: Session, id: string): Promise<true> =>
  until(async () => ((await queueOf(session)).queue_running[0]?.[1] === id ? true : undefined));

const ids = (items: Json[]): string[] => items.map((item) => item[1] as string);

describe('queue and interrupt', () => {
  it('runs one prompt at a time, lower numbers first, then front, then by id', async () => {
    await withSimulator({ stepMs: 2 }, async (session) => {
      const { simulator, submit, url, finished } = session;
      const holder = await submit(slow(1));
      await running(session, holder);
      const late = await submit(textToImage({ seed: 2 }));
      const front = await submit(textToImage({ seed: 3 }), { front: true });
      const frontLater = await submit(textToImage({ seed: 4 }), { front: true });
      const numbered = await submit(textToImage({ seed: 5 }), { number: '-0.5' });
      const queue = await queueOf(session);
      expect(ids(queue.queue_running)).toEqual([holder]);
      // The raw heap, which is not the order of execution.
      expect(queue.queue_pending.map((item: Json) => item[0])).toEqual([-3, -0.5, -2, 1]);
      expect(queue.queue_pending[0]).toHaveLength(5);
      await post(`${url}/interrupt`, { prompt_id: holder });
      await finished(late);
      expect(simulator.executions().map((entry) => entry.promptId)).toEqual([
        holder,
        frontLater,
        front,
        numbered,
        late,
      ]);
    });
  });

  it('counts refused prompts too when it numbers', async () => {
    await withSimulator({}, async ({ url }) => {
      await post(`${url}/prompt`, { prompt: {} });
      await post(`${url}/prompt`, {});
      expect((await post(`${url}/prompt`, { prompt: textToImage() })).body.number).toBe(2);
      expect((await post(`${url}/prompt`, { prompt: textToImage(), number: 9 })).body.number).toBe(
        9,
      );
      expect((await post(`${url}/prompt`, { prompt: textToImage() })).body.number).toBe(3);
    });
  });

  it('interrupts the running prompt and records it as an error with execution_interrupted', async () => {
    await withSimulator({ stepMs: 2 }, async (session) => {
      const listener = await listen(session.simulator, 'me');
      const id = await session.submit(slow(1), { client_id: 'me' });
      await until(() => listener.frames.find((frame) => frame.type === 'progress'));
      const reply = await post(`${session.url}/interrupt`, { prompt_id: id });
      expect([reply.status, reply.body]).toEqual([200, '']);
      const entry = await session.finished(id);
      expect(entry.status).toMatchObject({ status_str: 'error', completed: false });
      const [event, data] = entry.status.messages.at(-1);
      expect(event).toBe('execution_interrupted');
      expect(data).toMatchObject({ node_id: '5', node_type: 'KSampler', prompt_id: id });
      await until(() =>
        listener.frames.find((f) => f.type === 'executing' && f.data.node === null),
      );
      expect(listener.types()).not.toContain('execution_success');
      expect(session.simulator.executions()[0]?.outcome).toBe('interrupted');
      expect((await call(`${session.url}/api/jobs/${id}`)).body.status).toBe('cancelled');
      await listener.close();
    });
  });

  it('ignores a targeted interrupt of a pending, unknown or idle prompt', async () => {
    await withSimulator({ stepMs: 2 }, async (session) => {
      const { url, submit, finished } = session;
      await post(`${url}/interrupt`, '');
      const holder = await submit(slow(1));
      await running(session, holder);
      const pending = await submit(textToImage({ seed: 2 }));
      await post(`${url}/interrupt`, { prompt_id: pending });
      await post(`${url}/interrupt`, { prompt_id: 'nobody' });
      expect(ids((await queueOf(session)).queue_running)).toEqual([holder]);
      await post(`${url}/interrupt`, 'not json');
      expect((await finished(holder)).status.messages.at(-1)[0]).toBe('execution_interrupted');
      expect((await finished(pending)).status.status_str).toBe('success');
    });
  });

  it('removes a pending prompt without a trace and leaves the running one', async () => {
    await withSimulator({ stepMs: 2 }, async (session) => {
      const { url, submit } = session;
      const holder = await submit(slow(1));
      await running(session, holder);
      const doomed = await submit(textToImage({ seed: 2 }));
      const kept = await submit(textToImage({ seed: 3 }));
      const reply = await post(`${url}/queue`, { delete: [doomed, holder, 'nobody'] });
      expect([reply.status, reply.body]).toEqual([200, '']);
      const queue = await queueOf(session);
      expect(ids(queue.queue_running)).toEqual([holder]);
      expect(ids(queue.queue_pending)).toEqual([kept]);
      await post(`${url}/queue`, { clear: true });
      expect((await queueOf(session)).queue_pending).toEqual([]);
      expect((await call(`${url}/history/${doomed}`)).body).toEqual({});
      expect((await call(`${url}/api/jobs/${doomed}`)).status).toBe(404);
    });
  });

  it('answers 500 to a tie of number and id, keeps the item, and the worker dies of it', async () => {
    await withSimulator({ stepMs: 2 }, async (session) => {
      const { url, submit, finished } = session;
      const holder = await submit(slow(1));
      await running(session, holder);
      const id = 'b3f0c0de-0000-4000-8000-000000000001';
      const body = { prompt: textToImage({ seed: 2 }), prompt_id: id, number: 5 };
      expect((await post(`${url}/prompt`, body)).status).toBe(200);
      expect((await post(`${url}/prompt`, body)).status).toBe(500);
      expect(ids((await queueOf(session)).queue_pending)).toEqual([id, id]);
      await post(`${url}/prompt`, { ...body, prompt_id: undefined, number: 4 });
      await post(`${url}/interrupt`, {});
      await finished(holder);
      await until(async () =>
        (await queueOf(session)).queue_running.length === 0 ? true : undefined,
      );
      expect(ids((await queueOf(session)).queue_pending)).toEqual([id, id]);
    });
  });

  it('pages history and deletes from it', async () => {
    await withSimulator({}, async ({ url, run }) => {
      const all: string[] = [];
      for (const seed of [1, 2, 3])
        all.push((await run(textToImage({ seed }))).prompt[1] as string);
      const page = async (query: string) =>
        Object.keys((await call(`${url}/history${query}`)).body as object);
      expect(await page('')).toEqual(all);
      expect(await page('?max_items=2')).toEqual(all.slice(1));
      expect(await page('?max_items=1&offset=1')).toEqual([all[1]]);
      expect(await page('?offset=9')).toEqual([]);
      expect((await call(`${url}/history?max_items=x`)).status).toBe(500);
      await post(`${url}/history`, { delete: [all[0], 'nobody'] });
      expect(await page('')).toEqual(all.slice(1));
      await post(`${url}/history`, { clear: true });
      expect(await page('')).toEqual([]);
    });
  });

  it('lists jobs by state and cancels them under /api only', async () => {
    await withSimulator({ stepMs: 2, comfyVersion: '0.38.1' }, async (session) => {
      const { url, submit, finished } = session;
      const holder = await submit(slow(1));
      await running(session, holder);
      const pending = await submit(textToImage({ seed: 2 }));
      expect((await call(`${url}/jobs`)).status).toBe(404);
      const list = (await call(`${url}/api/jobs?sort_order=asc&limit=1`)).body;
      expect(list.pagination).toEqual({ offset: 0, limit: 1, total: 2, has_more: true });
      expect((await call(`${url}/api/jobs?status=pending`)).body.jobs[0].id).toBe(pending);
      expect((await call(`${url}/api/jobs?status=odd`)).status).toBe(400);
      expect((await call(`${url}/api/jobs?limit=0`)).status).toBe(400);
      expect((await post(`${url}/api/jobs/${pending}/cancel`, '')).body).toEqual({
        cancelled: true,
      });
      expect((await post(`${url}/api/jobs/${holder}/cancel`, '')).body).toEqual({
        cancelled: true,
      });
      await finished(holder);
      expect((await post(`${url}/api/jobs/${holder}/cancel`, '')).body).toEqual({
        cancelled: false,
      });
    });
  });
});
