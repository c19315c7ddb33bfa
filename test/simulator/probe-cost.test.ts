/** What a probe costs a server with thousands of files. */
import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { createComfyExecutor } from '../../src/executors/comfyui/executor.ts';
import type { Executor } from '../../src/ports.ts';
import { silentLogger } from '../../src/telemetry.ts';
import { type Reply, startScriptedServer } from './scripted-server.ts';

const releases: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const release of releases.splice(0).reverse()) await release();
});

const FILES = Array.from({ length: 5_000 }, (_, index) => `model-${index}.safetensors`);

/** A server whose boot id the test sets, and the paths that were asked for since the last look. */
async function setUp(listsEveryMs: number) {
  let boot = 'one';
  let files = FILES;
  let queue: Reply = [200, { queue_running: [], queue_pending: [] }];
  let remaining = 0;
  const server = await startScriptedServer(({ path }) => {
    if (path === '/system_stats')
      return [200, { system: { argv: [`--feature-flag=boot_id=${boot}`] }, devices: [] }];
    if (path === '/models/checkpoints') return [200, files];
    if (path === '/object_info') return [200, { KSampler: {} }];
    if (path === '/prompt') return [200, { exec_info: { queue_remaining: remaining } }];
    return path === '/queue' ? queue : undefined;
  });
  releases.push(server.close);
  const executor: Executor = createComfyExecutor({
    serverId: 'a',
    httpUrl: server.url,
    clientId: randomUUID(),
    logger: silentLogger,
    listsEveryMs,
  });
  releases.push(() => executor.close());
  let seen = 0;
  return {
    executor,
    asked: (): string[] => {
      const paths = server.received.slice(seen).map(({ path }) => path);
      seen = server.received.length;
      return paths;
    },
    restart: () => void (boot = 'two'),
    setFiles: (next: string[]) => void (files = next),
    setQueue: (running: number, pending: number) => {
      remaining = running + pending;
      const prompts = (count: number) => Array.from({ length: count }, () => [0, 'x', {}, {}, []]);
      queue = [200, { queue_running: prompts(running), queue_pending: prompts(pending) }];
    },
  };
}

describe('a probe', () => {
  it('reads the lists once and then only asks how the server is', async () => {
    const { executor, asked } = await setUp(3_600_000);
    const first = await executor.probe();
    expect(first.files?.['checkpoints']).toHaveLength(5_000);
    expect(asked()).toContain('/object_info');
    const second = await executor.probe();
    expect(asked().sort()).toEqual(['/prompt', '/system_stats']);
    expect(second).toEqual(first);
  });

  it('reads files again when it is told that they may differ, and nodes only after a restart', async () => {
    const { executor, asked, restart, setFiles } = await setUp(3_600_000);
    const first = await executor.probe();
    asked();
    setFiles(['another.safetensors']);
    executor.forgetLists();
    const second = await executor.probe();
    expect(second.files).toEqual({ checkpoints: ['another.safetensors'] });
    expect(second.listsHash).not.toBe(first.listsHash);
    expect(asked()).not.toContain('/object_info');
    restart();
    const third = await executor.probe();
    expect(asked()).toContain('/object_info');
    expect(third).toMatchObject({ bootId: 'two', listsHash: second.listsHash });
  });

  it('reads files again when they are old', async () => {
    const { executor, asked } = await setUp(0);
    await executor.probe();
    asked();
    await executor.probe();
    expect(asked()).toContain('/models/checkpoints');
  });

  it.each([
    [0, 0],
    [1, 3],
    [0, 2],
    [1, 500],
  ])('counts prompts: %i running, %i waiting', async (running, waiting) => {
    const { executor, asked, setQueue } = await setUp(3_600_000);
    setQueue(running, waiting);
    expect(await executor.probe()).toMatchObject({ running, waiting });
    // A long queue holds a whole graph for each prompt.
    expect(asked().includes('/queue')).toBe(waiting > 0 && waiting < 100);
  });
});
