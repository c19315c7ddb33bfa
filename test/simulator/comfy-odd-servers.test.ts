/** What the client does with servers, proxies and moments that a healthy ComfyUI does not show on demand. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Executor } from '../../src/ports.ts';
import { executorFor, graphOf } from './comfy-harness.ts';
import { type Received, type Reply, startScriptedServer } from './scripted-server.ts';

const releases: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const release of releases.splice(0).reverse()) await release();
});

const graph = graphOf('sd15-text-to-image');
const prompt = { promptId: 'mine', graph, traceId: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00` };
const queue = (running: readonly string[], pending: readonly string[]) => {
  const items = (ids: readonly string[]) => ids.map((id) => [0, id, graph, {}, ['7']]);
  return [200, { queue_running: items(running), queue_pending: items(pending) }] as const;
};
const entry = (messages: readonly unknown[]) =>
  [200, { mine: { prompt: [], outputs: {}, status: { status_str: 'error', messages } } }] as const;
const interrupted = entry([['execution_interrupted', {}]]);

const open = async (script: (call: Received) => Reply | undefined) => {
  const server = await startScriptedServer(script);
  releases.push(server.close);
  const executor: Executor = executorFor(server.url);
  releases.push(() => executor.close());
  const sent = (path: string) =>
    server.received
      .filter((call) => call.path === path && call.body !== '')
      .map((call) => JSON.parse(call.body));
  return { executor, sent, received: server.received };
};

describe('submit', () => {
  const answering = (
    reply: Reply,
    others: (call: Received) => Reply | undefined = () => undefined,
  ) => open((call) => (call.path === '/prompt' ? reply : others(call)));

  it('sends the id, the trace and never a number', async () => {
    const answer = { prompt_id: 'mine', number: 4, node_errors: {} };
    const { executor, sent, received } = await answering([200, answer]);
    expect(JSON.parse(await executor.submit(prompt))).toEqual(answer);
    expect(sent('/prompt')).toEqual([
      {
        prompt: graph,
        prompt_id: 'mine',
        client_id: expect.any(String),
        extra_data: { trace_id: prompt.traceId },
      },
    ]);
    const post = received.find((call) => call.path === '/prompt');
    expect(post?.headers['traceparent']).toBe(prompt.traceId);
  });

  it('withdraws what was taken in part and refuses the graph', async () => {
    const fault = {
      type: 'value_not_in_list',
      message: 'Value not in list',
      details: "ckpt_name: 'tiny-sd15.safetensors' not in []",
      extra_info: { input_name: 'ckpt_name' },
    };
    const { executor, sent } = await answering(
      [200, { prompt_id: 'mine', number: 0, node_errors: { '1': { errors: [fault] } } }],
      (call) => (call.path === '/queue' ? queue([], []) : [200, {}]),
    );
    await expect(executor.submit(prompt)).rejects.toMatchObject({
      code: 'model_missing',
      message: expect.stringContaining("node 1 CheckpointLoaderSimple, input ckpt_name = 'tiny"),
    });
    expect(sent('/queue').length).toBeGreaterThan(0);
  });

  it('refuses a server that gives ids of its own, and takes the prompt back', async () => {
    const { executor, received } = await answering(
      [200, { prompt_id: 'own', number: 0, node_errors: {} }],
      (call) => (call.path === '/queue' ? queue([], []) : [200, {}]),
    );
    await expect(executor.submit(prompt)).rejects.toMatchObject({
      code: 'configuration',
      retryable: false,
    });
    expect(received.map((call) => call.body)).toContain('{"delete":["own"]}');
  });

  it.each([
    ['a 500, which may have been taken all the same', [500, 'Server got itself in trouble']],
    ['a 400 of something in between', [400, 'Bad Request']],
    ['a gateway that cannot reach the server', [502, 'Bad Gateway']],
    ['a login page', { text: '<html>log in</html>' }],
  ] as const)('calls %s retryable', async (_, reply) => {
    const { executor } = await answering(reply);
    await expect(executor.submit(prompt)).rejects.toMatchObject({
      code: 'server_error',
      retryable: true,
    });
  });

  it('calls a graph above the upload limit refused', async () => {
    const { executor } = await answering([413, 'Maximum request body size 10 exceeded.']);
    await expect(executor.submit(prompt)).rejects.toMatchObject({
      code: 'graph_refused',
      message: expect.stringContaining('--max-upload-size'),
    });
  });
});

describe('withdraw', () => {
  it('sends no interrupt for a queued prompt', async () => {
    let deleted = false;
    const { executor, sent } = await open((call) => {
      if (call.method === 'POST') deleted = true;
      if (call.path === '/queue') return queue(['other'], deleted ? [] : ['mine']);
      return [200, {}];
    });
    expect(await executor.withdraw('mine')).toBe('gone');
    expect(sent('/interrupt')).toEqual([]);
  });

  it('repeats an interrupt that ComfyUI lost, each with the id', async () => {
    let interrupts = 0;
    const { executor, sent } = await open((call) => {
      if (call.path === '/interrupt') interrupts += 1;
      if (call.path === '/queue') return queue(interrupts < 3 ? ['mine'] : [], []);
      return interrupts < 3 ? [200, {}] : interrupted;
    });
    expect(await executor.withdraw('mine')).toBe('gone');
    expect(sent('/interrupt')).toEqual(Array(3).fill({ prompt_id: 'mine' }));
  });

  it('sends no interrupt once another prompt is the running one', async () => {
    let looks = 0;
    const { executor, sent } = await open((call) => {
      if (call.path === '/queue' && call.method === 'GET') {
        looks += 1;
        return looks === 1 ? queue(['mine'], ['other']) : queue(['other'], []);
      }
      return call.path.startsWith('/history') ? entry([['execution_error', {}]]) : [200, {}];
    });
    expect(await executor.withdraw('mine')).toBe('finished');
    expect(sent('/interrupt')).toHaveLength(1);
  });
});

describe('find', () => {
  it('never misses a prompt that moves from the queue to the history', async () => {
    let looked = false;
    const { executor } = await open((call) => {
      if (call.path !== '/queue') return looked ? interrupted : [200, {}];
      looked = true;
      return queue([], []);
    });
    expect(await executor.find('mine')).toEqual({ state: 'interrupted' });
  });

  it('does not take a broken answer for an empty queue', async () => {
    const { executor } = await open((call) =>
      call.path === '/queue' ? { text: '{"queue_running": [[0, "oth' } : [200, {}],
    );
    await expect(executor.find('mine')).rejects.toMatchObject({ code: 'server_error' });
  });
});

describe('the boot id', () => {
  const stats = (...argv: readonly string[]) => [200, { system: { argv }, devices: [] }] as const;

  it('is the one the server was started with', async () => {
    const { executor } = await open((call) =>
      call.path === '/system_stats' ? stats('main.py', '--feature-flag', 'boot_id=b7') : undefined,
    );
    expect(await executor.bootId()).toBe('b7');
  });

  it('changes when the temp directory was emptied, as every start does', async () => {
    let marker: string | undefined;
    const { executor } = await open((call) => {
      if (call.path === '/system_stats') return stats('main.py', '--cpu');
      if (call.path === '/upload/image') {
        marker ??= /[0-9a-f-]{36}/.exec(call.body.slice(call.body.indexOf('text/plain')))?.[0];
        return [200, {}];
      }
      return marker === undefined ? undefined : { text: marker };
    });
    const first = await executor.bootId();
    expect(await Promise.all([executor.bootId(), executor.bootId()])).toEqual([first, first]);
    marker = undefined;
    expect(await executor.bootId()).not.toBe(first);
  });

  it('still tells command lines apart where uploads are refused', async () => {
    let port = '1';
    const { executor } = await open((call) =>
      call.path === '/system_stats' ? stats('main.py', '--port', port) : [403, ''],
    );
    const first = await executor.bootId();
    expect(first).toContain('unmarked');
    expect(await executor.bootId()).toBe(first);
    port = '2';
    expect(await executor.bootId()).not.toBe(first);
  });
});

it('leaves out model folders that the server does not have', async () => {
  const { executor } = await open((call) => {
    if (call.path === '/system_stats') return [200, { system: { argv: [] }, devices: [] }];
    if (call.path === '/models/loras') return [200, ['a.safetensors', 7]];
    return call.path === '/object_info' ? [200, { KSampler: {} }] : undefined;
  });
  expect(await executor.probe()).toMatchObject({
    reachable: true,
    files: { loras: ['a.safetensors'] },
    nodeClasses: ['KSampler'],
  });
});

it('reports file names in any script and leaves out those that are no text', async () => {
  const names = ['a b.pt', 'art\\ink.pt', '风格/水墨.pt', 'e\u0301.pt', '🦊.pt'];
  const { executor } = await open((call) => {
    if (call.path === '/system_stats') return [200, { system: { argv: [] }, devices: [] }];
    if (call.path === '/models/loras') return [200, [...names, 'bad\udce9.pt', 'nul\0.pt']];
    return call.path === '/object_info' ? [200, {}] : undefined;
  });
  expect((await executor.probe()).files).toEqual({ loras: names });
});
