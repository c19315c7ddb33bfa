import { describe, expect, it } from 'vitest';
import { call, listen, post, textToImage, until, withSimulator } from './simulator-session.ts';

describe('faults', () => {
  it('fails a node as often as told, also in the middle of it', async () => {
    await withSimulator({}, async ({ simulator, url, run }) => {
      simulator.fault({ kind: 'fail-node', classType: 'VAEDecode', message: 'broken', times: 2 });
      for (let time = 0; time < 2; time++) {
        const entry = await run(textToImage());
        expect(entry.status.messages.at(-1)[1]).toMatchObject({
          node_id: '6',
          exception_type: 'RuntimeError',
          exception_message: 'broken\n',
          current_outputs: expect.arrayContaining(['1', '7']),
        });
      }
      expect((await run(textToImage())).status.status_str).toBe('success');
      await post(`${url}/sim/faults`, {
        kind: 'fail-node',
        atStep: 3,
        exceptionType: 'ValueError',
      });
      const failed = await run(textToImage({ seed: 5 }));
      expect(failed.status.messages.at(-1)[1]).toMatchObject({
        node_id: '5',
        exception_type: 'ValueError',
        current_inputs: { seed: [5], model: ['<model object>'] },
      });
      expect((await call(`${url}/api/jobs/${failed.prompt[1]}`)).body.status).toBe('failed');
    });
  });

  it('runs out of memory with the tips of the original', async () => {
    await withSimulator({ faults: [{ kind: 'out-of-memory' }] }, async ({ run }) => {
      const entry = await run(textToImage());
      const data = entry.status.messages.at(-1)[1];
      expect(data.exception_type).toBe('torch.OutOfMemoryError');
      expect(data.exception_message).toContain('you ran out of memory on your GPU');
    });
  });

  it('refuses a prompt, or queues it and answers 500, or queues it and cuts the connection', async () => {
    await withSimulator({}, async ({ simulator, url, finished }) => {
      const body = (last: number) => ({
        prompt: textToImage({ seed: last }),
        prompt_id: `b3f0c0de-0000-4000-8000-00000000000${last}`,
      });
      simulator.fault({ kind: 'refuse-prompt' });
      expect((await post(`${url}/prompt`, body(1))).status).toBe(500);
      simulator.fault({ kind: 'enqueue-then-fail' });
      expect((await post(`${url}/prompt`, body(2))).status).toBe(500);
      simulator.fault({ kind: 'enqueue-then-drop' });
      await expect(post(`${url}/prompt`, body(3))).rejects.toThrow();
      await finished(body(2).prompt_id);
      await finished(body(3).prompt_id);
      const { body: log } = await call(`${url}/sim/executions`);
      expect(log.total).toBe(2);
      expect(log.executions.map((entry: { promptId: string }) => entry.promptId)).toEqual([
        body(2).prompt_id,
        body(3).prompt_id,
      ]);
      expect(log.executions[0]).toMatchObject({
        outcome: 'success',
        startedAt: expect.any(String),
      });
    });
  });

  it('drops sockets, goes silent, and speaks again after a reset', async () => {
    await withSimulator({}, async ({ simulator, url, run }) => {
      const dropped = await listen(simulator, 'a');
      simulator.fault({ kind: 'drop-sockets', atStep: 2 });
      await run(textToImage(), { client_id: 'a' });
      await until(() => (dropped.closed() ? true : undefined));
      const quiet = await listen(simulator, 'a');
      await post(`${url}/sim/faults`, { kind: 'silence-sockets' });
      await run(textToImage({ seed: 2 }), { client_id: 'a' });
      expect(quiet.types()).toEqual(['status']);
      await post(`${url}/sim/reset`, '');
      await run(textToImage({ seed: 3 }), { client_id: 'a' });
      await until(() => quiet.frames.find((frame) => frame.type === 'execution_success'));
      await quiet.close();
    });
  });

  it('dies in the middle of an image', async () => {
    const codes: number[] = [];
    const exit = (code: number): void => {
      codes.push(code);
    };
    await withSimulator({ exit }, async ({ simulator, run }) => {
      simulator.fault({ kind: 'exit', atStep: 2, code: 9 });
      await run(textToImage());
      expect(codes).toEqual([9]);
    });
  });

  it('loses the history entry of a finished prompt', async () => {
    await withSimulator({}, async ({ simulator, url, submit, run }) => {
      simulator.fault({ kind: 'lose-history' });
      const id = await submit(textToImage());
      await run(textToImage({ seed: 2 }));
      expect((await call(`${url}/history/${id}`)).body).toEqual({});
      expect(simulator.executions()[0]).toMatchObject({ promptId: id, outcome: 'success' });
    });
  });

  it.each([
    [false, 1, 0],
    [true, 0, 1],
  ])('wedges with a dead worker (pending: %s)', async (pending, running, waiting) => {
    await withSimulator({}, async ({ simulator, url, submit }) => {
      simulator.fault({ kind: 'worker-death', pending });
      await submit(textToImage());
      await until(async () => {
        const { body } = await call(`${url}/queue`);
        return body.queue_running.length === running && body.queue_pending.length === waiting
          ? true
          : undefined;
      });
      await submit(textToImage({ seed: 2 }));
      const { body } = await call(`${url}/queue`);
      expect([body.queue_running.length, body.queue_pending.length]).toEqual([
        running,
        waiting + 1,
      ]);
    });
  });

  it('sends an ExecutionBlocked error and succeeds all the same', async () => {
    await withSimulator({}, async ({ simulator, run }) => {
      const listener = await listen(simulator, 'me');
      simulator.fault({ kind: 'execution-blocked', classType: 'KSampler' });
      const entry = await run(textToImage(), { client_id: 'me' });
      const error = await until(() => listener.frames.find((f) => f.type === 'execution_error'));
      expect(error.data).toMatchObject({ exception_type: 'ExecutionBlocked', node_id: '5' });
      expect(error.data).not.toHaveProperty('timestamp');
      expect(entry.status.status_str).toBe('success');
      await listener.close();
    });
  });

  it('answers a path with an error, hangs it, truncates a view and ignores an interrupt', async () => {
    await withSimulator({}, async ({ simulator, url, run }) => {
      simulator.fault({ kind: 'http-error', path: '/queue', status: 502 });
      expect((await call(`${url}/queue`)).status).toBe(502);
      expect((await call(`${url}/queue`)).status).toBe(200);
      simulator.fault({ kind: 'hang', path: '/history' });
      const leaving = new AbortController();
      const hung = call(`${url}/history`, { signal: leaving.signal });
      await until(async () => {
        const { body } = await call(`${url}/sim/faults`);
        return (body as { faults: unknown[] }).faults.length === 0 || undefined;
      });
      leaving.abort();
      await expect(hung).rejects.toThrow();
      const entry = await run(textToImage());
      const query = new URLSearchParams(entry.outputs['7'].images[0] as Record<string, string>);
      simulator.fault({ kind: 'truncate-view', bytes: 10 });
      await expect(call(`${url}/view?${query.toString()}`)).rejects.toThrow();
      simulator.fault({ kind: 'ignore-interrupt' });
      expect((await post(`${url}/interrupt`, {})).status).toBe(200);
    });
  });

  it('says what is wrong with a malformed fault', async () => {
    await withSimulator({}, async ({ simulator, url }) => {
      const reply = await post(`${url}/sim/faults`, { kind: 'explode' });
      expect(reply.status).toBe(400);
      expect(reply.body.kinds).toContain('fail-node');
      expect(() => {
        simulator.fault({ kind: 'http-error', path: 'queue' });
      }).toThrow();
    });
  });
});
