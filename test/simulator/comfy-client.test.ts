/** The ComfyUI client when the wire or the server fails. `comfy-conformance.test.ts` has the rest. */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Executor } from '../../src/ports.ts';
import {
  bytesOf,
  executorFor,
  pictureGraph,
  readPng,
  startTestSimulator,
  submitNew,
  untilState,
  watchToEnd,
} from './comfy-harness.ts';
import { createFaultyWire, type FaultyWire } from './faulty-wire.ts';

const realUrl = process.env['COMFY_CONFORMANCE_URL'];
const slowGraph = () => pictureGraph(60);
/** So long that only a message of the socket can have ended a watch in time. */
const NEVER_POLL = 3_600_000;

describe('the ComfyUI client on a faulty wire', () => {
  let wire: FaultyWire;
  let url = realUrl ?? '';
  const releases: (() => Promise<unknown>)[] = [];
  const open = (options: Parameters<typeof executorFor>[1] = {}): Executor => {
    const executor = executorFor(wire.url, options);
    releases.push(() => executor.close());
    return executor;
  };

  beforeEach(async () => {
    if (realUrl === undefined) {
      const simulator = await startTestSimulator();
      url = simulator.url;
      releases.push(simulator.release);
    }
    wire = await createFaultyWire(url);
    releases.push(() => wire.close());
  });
  afterEach(async () => {
    for (const release of releases.splice(0).reverse()) await release();
  });

  const connected = (count: number) =>
    vi.waitFor(() => expect(wire.socketsSeen()).toBeGreaterThanOrEqual(count), 10_000);

  it('learns of the end by the socket, without polling', async () => {
    const executor = open({ pollMs: NEVER_POLL });
    await executor.find(randomUUID());
    await connected(1);
    const promptId = await submitNew(executor, slowGraph());
    expect((await watchToEnd(executor, promptId)).state).toBe('succeeded');
  });

  it('sees at once an end that came before anybody watched', async () => {
    const executor = open({ pollMs: NEVER_POLL });
    await executor.find(randomUUID());
    await connected(1);
    const promptId = await submitNew(executor, pictureGraph(1));
    await untilState(executor, promptId, 'succeeded');
    expect((await watchToEnd(executor, promptId)).state).toBe('succeeded');
  });

  it('learns by the socket that a prompt of another client ended', async () => {
    const other = open();
    const executor = open({ pollMs: NEVER_POLL });
    await executor.find(randomUUID());
    await connected(1);
    const promptId = await submitNew(other, slowGraph());
    await untilState(other, promptId, 'running');
    expect((await watchToEnd(executor, promptId)).state).toBe('succeeded');
  });

  it('sees a prompt through without any socket', async () => {
    wire.refuseSockets(true);
    const executor = open();
    const promptId = await submitNew(executor, pictureGraph(3));
    expect((await watchToEnd(executor, promptId)).state).toBe('succeeded');
  });

  it('reconnects a dropped socket and goes on with the run it lost', async () => {
    const executor = open();
    await executor.find(randomUUID());
    await connected(1);
    const promptId = await submitNew(executor, slowGraph());
    const watched = watchToEnd(executor, promptId);
    await untilState(executor, promptId, 'running');
    wire.dropSockets();
    await connected(2);
    expect((await watched).state).toBe('succeeded');
  });

  it('replaces a socket that stays silent about a prompt it should tell of', async () => {
    const executor = open({ socketTiming: { ping: 100, silence: 100, closing: 50 } });
    await executor.find(randomUUID());
    await connected(1);
    wire.muteSockets();
    const promptId = await submitNew(executor, pictureGraph(3));
    expect((await watchToEnd(executor, promptId)).state).toBe('succeeded');
    await connected(2);
  });

  it('replaces a socket that answers no ping', async () => {
    const executor = open({ socketTiming: { ping: 100, closing: 50 } });
    await executor.find(randomUUID());
    await connected(1);
    wire.muteSockets();
    await connected(2);
  });

  it('finds the prompt again whose answer was lost', async () => {
    const executor = open();
    wire.loseAnswerTo('POST /prompt');
    const promptId = randomUUID();
    const submit = executor.submit({ promptId, graph: slowGraph(), traceId: 'trace' });
    await expect(submit).rejects.toMatchObject({ code: 'server_unreachable', retryable: true });
    expect(['queued', 'running']).toContain((await executor.find(promptId)).state);
    expect((await watchToEnd(executor, promptId)).state).toBe('succeeded');
  });

  it('outlives a look that got no answer', async () => {
    wire.refuseSockets(true);
    const executor = open();
    const promptId = await submitNew(executor, slowGraph());
    wire.loseAnswerTo('GET /queue');
    expect((await watchToEnd(executor, promptId)).state).toBe('succeeded');
  });

  it('stops watching when told to, and leaves the prompt alone', async () => {
    const executor = open();
    const promptId = await submitNew(executor, slowGraph());
    const controller = new AbortController();
    const watched = executor.watch(promptId, { signal: controller.signal });
    controller.abort(new Error('shutting down'));
    await expect(watched).rejects.toThrow('shutting down');
    expect((await watchToEnd(executor, promptId)).state).toBe('succeeded');
  });

  it('lets two watchers of one prompt see its end', async () => {
    const executor = open();
    const promptId = await submitNew(executor, slowGraph());
    const ends = await Promise.all([
      watchToEnd(executor, promptId),
      watchToEnd(executor, promptId),
    ]);
    expect(ends.map(({ state }) => state)).toEqual(['succeeded', 'succeeded']);
  });
});

describe.skipIf(realUrl !== undefined)('the ComfyUI client and a server that restarts', () => {
  const releases: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const release of releases.splice(0).reverse()) await release();
  });

  it('says absent and another boot id, and works with the new process', async () => {
    const first = await startTestSimulator();
    releases.push(first.release);
    const executor = executorFor(first.url);
    releases.push(() => executor.close());
    const bootId = await executor.bootId();
    const promptId = await submitNew(executor, slowGraph());
    const lost = await submitNew(executor, slowGraph());
    await untilState(executor, promptId, 'running');

    await first.close();
    expect(await executor.probe()).toMatchObject({ reachable: false });
    await expect(executor.find(lost)).rejects.toMatchObject({ code: 'server_unreachable' });
    const watched = watchToEnd(executor, lost);
    await expect(watched).rejects.toMatchObject({ code: 'server_unreachable', retryable: true });

    const second = await startTestSimulator(first.port);
    releases.push(second.release);
    expect((await watchToEnd(executor, promptId)).state).toBe('absent');
    expect(await executor.bootId()).not.toBe(bootId);
    const again = await watchToEnd(executor, await submitNew(executor, pictureGraph(3)));
    if (again.state !== 'succeeded' || again.outputs[0] === undefined) throw new Error(again.state);
    const file = await bytesOf(await executor.fetchOutput(again.outputs[0]));
    expect(readPng(file)).toMatchObject({ width: 64, height: 64 });
  });
});
