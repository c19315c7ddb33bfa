import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSimulator, type Simulator } from '../../src/executors/simulator/server.ts';
import { call, post, textToImage, withSimulator, type TestGraph } from './simulator-session.ts';

let simulator: Simulator;
let dataDir: string;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'simulator-'));
  simulator = await startSimulator({
    port: 0,
    dataDir,
    maxUploadBytes: 200_000,
    comfyVersion: '0.38.1',
  });
});

afterAll(async () => {
  await simulator.close();
  await rm(dataDir, { recursive: true, force: true });
});

const changed = (node: string, inputs: Record<string, unknown>): TestGraph => {
  const graph = textToImage();
  const target = graph[node];
  if (target) Object.assign(target.inputs, inputs);
  return graph;
};

const without = (node: string, input: string): TestGraph => {
  const graph = textToImage();
  delete graph[node]?.inputs[input];
  return graph;
};

const sendPrompt = (prompt: unknown, more: object = {}) =>
  post(`${simulator.url}/prompt`, { prompt, ...more });

describe('refused prompts', () => {
  it.each([
    ['no prompt', {}, 'no_prompt'],
    ['an empty graph', { prompt: {} }, 'prompt_no_outputs'],
    ['a node without class', { prompt: { a: { inputs: {} } } }, 'missing_node_type'],
    [
      'an unknown class',
      { prompt: { a: { class_type: 'Nope', inputs: {} } } },
      'missing_node_type',
    ],
    [
      'a class named like a method',
      { prompt: { a: { class_type: 'constructor', inputs: {} } } },
      'missing_node_type',
    ],
    [
      'an id in capitals',
      { prompt: {}, prompt_id: 'B3F0C0DE-0000-4000-8000-000000000001' },
      'invalid_prompt_id',
    ],
    ['an id that is no UUID', { prompt: {}, prompt_id: 'job-1' }, 'invalid_prompt_id'],
    ['a number as id', { prompt: {}, prompt_id: 7 }, 'invalid_prompt_id'],
    [
      'no target that exists',
      { prompt: textToImage(), partial_execution_targets: [] },
      'prompt_no_outputs',
    ],
  ])('answers 400 to %s', async (_name, body, type) => {
    const reply = await post(`${simulator.url}/prompt`, body);
    expect(reply.status).toBe(400);
    expect(reply.body).toMatchObject({ error: { type }, node_errors: {} });
  });

  it.each<[string, unknown]>([
    ['malformed JSON', '{"prompt": '],
    ['an empty body', ''],
    ['a prompt of null', { prompt: null }],
    ['a prompt that is a list', { prompt: [1] }],
    ['a node that is a number', { prompt: { a: 1 } }],
    ['a number that is none', { prompt: textToImage(), number: 'first' }],
    ['extra_data of null', { prompt: textToImage(), extra_data: null }],
    [
      'extra_data of null with a client',
      { prompt: textToImage(), extra_data: null, client_id: 'x' },
    ],
  ])('answers 500 in plain text to %s and queues nothing', async (_name, body) => {
    const before = simulator.executions().length;
    const reply = await post(`${simulator.url}/prompt`, body);
    expect(reply.status).toBe(500);
    expect(reply.headers.get('content-type')).toContain('text/plain');
    expect(reply.body).toBe('500 Internal Server Error\n\nServer got itself in trouble');
    const { queue_remaining } = (await call(`${simulator.url}/prompt`)).body.exec_info;
    expect([queue_remaining, simulator.executions().length]).toEqual([0, before]);
  });

  it.each<[string, TestGraph, string, string, Record<string, unknown>]>([
    ['required_input_missing', without('5', 'seed'), '5', 'seed', { input_name: 'seed' }],
    ['bad_linked_input', changed('5', { model: ['1'] }), '5', 'model', { received_value: ['1'] }],
    [
      'return_type_mismatch',
      changed('5', { model: ['1', 1] }),
      '5',
      'model, received_type(CLIP) mismatch input_type(MODEL)',
      { received_type: 'CLIP', linked_node: ['1', 1] },
    ],
    [
      'invalid_input_type',
      changed('4', { width: 'abc' }),
      '4',
      "width, abc, invalid literal for int() with base 10: 'abc'",
      { exception_message: "invalid literal for int() with base 10: 'abc'" },
    ],
    ['value_smaller_than_min', changed('5', { steps: 0 }), '5', 'steps', { received_value: 0 }],
    ['value_bigger_than_max', changed('5', { cfg: 100.5 }), '5', 'cfg', { received_value: 100.5 }],
    [
      'value_not_in_list',
      changed('1', { ckpt_name: 'nope.safetensors' }),
      '1',
      "ckpt_name: 'nope.safetensors' not in [",
      { received_value: 'nope.safetensors' },
    ],
    [
      'value_not_in_list',
      changed('5', { sampler_name: 'magic' }),
      '5',
      "sampler_name: 'magic' not in (list of length 44)",
      { input_config: null },
    ],
    [
      'exception_during_inner_validation',
      changed('5', { latent_image: ['99', 0] }),
      '5',
      "'99'",
      { exception_type: 'KeyError', input_name: 'samples', linked_node: ['5', 0] },
    ],
    [
      'exception_during_inner_validation',
      changed('5', { latent_image: ['4', 3] }),
      '5',
      'tuple index out of range',
      { exception_type: 'IndexError' },
    ],
    [
      'exception_during_validation',
      changed('7', { images: ['99', 0] }),
      '7',
      "'99'",
      { exception_type: 'KeyError' },
    ],
  ])('reports %s for %j', async (type, graph, node, details, extra) => {
    const { status, body } = await sendPrompt(graph);
    expect(status).toBe(400);
    expect(body.error.type).toBe('prompt_outputs_failed_validation');
    const entry = body.node_errors[node];
    expect(entry).toMatchObject({
      class_type: graph[node]?.class_type,
      dependent_outputs: ['7'],
      errors: [{ type, details: expect.stringContaining(details), extra_info: extra }],
    });
  });

  it('names the seen value and the limit in range messages', async () => {
    const { body } = await sendPrompt(changed('5', { steps: 0 }));
    expect(body.node_errors['5'].errors[0].message).toBe('Value 0 smaller than min of 1');
    const float = (await sendPrompt(changed('5', { denoise: 3 }))).body;
    expect(float.node_errors['5'].errors[0].message).toBe('Value 3.0 bigger than max of 1.0');
  });

  it('reports a cycle on every node of it', async () => {
    const { status, body } = await sendPrompt({
      a: { class_type: 'ImageInvert', inputs: { image: ['b', 0] } },
      b: { class_type: 'ImageInvert', inputs: { image: ['a', 0] } },
      c: { class_type: 'PreviewImage', inputs: { images: ['a', 0] } },
    });
    expect(status).toBe(400);
    expect(Object.keys(body.node_errors as object).sort()).toEqual(['a', 'b']);
    expect(body.node_errors.a.errors[0]).toMatchObject({
      type: 'dependency_cycle',
      details: 'a (ImageInvert) -> b (ImageInvert) -> a (ImageInvert)',
    });
  });

  it('asks LoadImage for a file that exists, not for one of the list', async () => {
    const { body } = await sendPrompt({
      a: { class_type: 'LoadImage', inputs: { image: 'nope.png' } },
      c: { class_type: 'PreviewImage', inputs: { images: ['a', 0] } },
    });
    expect(body.node_errors.a.errors[0]).toMatchObject({
      type: 'custom_validation_failed',
      details: 'image - Invalid image file: nope.png',
    });
  });

  it('looks only at what outputs need, and lets unknown inputs pass', async () => {
    const graph = changed('5', { novelty: true });
    graph['50'] = { class_type: 'KSampler', inputs: {} };
    const { status, body } = await sendPrompt(graph);
    expect([status, body.node_errors]).toEqual([200, {}]);
  });

  it('unwraps a literal list', async () => {
    const { status, body } = await sendPrompt(changed('5', { seed: { __value__: [1, 2] } }));
    expect(status).toBe(400);
    expect(body.node_errors['5'].errors[0].type).toBe('invalid_input_type');
  });

  it('answers 413 to a body over the limit, everywhere', async () => {
    const big = 'x'.repeat(200_001);
    for (const path of ['/prompt', '/api/upload/image', '/queue']) {
      const reply = await post(`${simulator.url}${path}`, big);
      expect([reply.status, reply.body]).toEqual([
        413,
        'Maximum request body size 200000 exceeded.',
      ]);
    }
  });

  it('answers 404, 405 and 403 as the original does', async () => {
    const { url, port } = simulator;
    const nothing = await call(`${url}/nothing`);
    expect([nothing.status, nothing.body]).toEqual([404, '']);
    const elsewhere = await call(`${url}/free`);
    expect([elsewhere.status, elsewhere.body]).toEqual([404, '']);
    const wrong = await call(`${url}/system_stats`, { method: 'POST' });
    expect(wrong.headers.get('allow')).toBe('GET,HEAD');
    expect([wrong.status, wrong.body]).toEqual([405, '405: Method Not Allowed']);
    const from = async (origin: string) =>
      (await call(`${url}/prompt`, { headers: { origin } })).status;
    expect(await from('http://evil.example')).toBe(403);
    expect(await from(`http://localhost:${port}`)).toBe(403);
    expect(await from('http://127.0.0.1:1')).toBe(403);
    expect(await from(url)).toBe(200);
    expect(await from('http://127.0.0.1')).toBe(200);
    const options = await call(`${url}/prompt`, { method: 'OPTIONS' });
    expect(options.status).toBe(200);
  });
});

describe('the releases', () => {
  const cycle = {
    a: { class_type: 'ImageInvert', inputs: { image: ['a', 0] } },
    b: { class_type: 'PreviewImage', inputs: { images: ['a', 0] } },
  };

  it.each([
    ['0.3.64', 'invalid_prompt', [], 404, 200, 405],
    ['0.10.0', 'invalid_prompt', [], 200, 200, 405],
    ['0.38.1', 'missing_node_type', ['a'], 200, 400, 200],
  ] as const)(
    '%s differ in errors, prompt ids and jobs',
    async (comfyVersion, unknown, cycleNodes, jobs, oddId, cancel) => {
      await withSimulator({ comfyVersion, stepMs: 20 }, async ({ url, run }) => {
        const { system } = (await call(`${url}/system_stats`)).body;
        expect(system.comfyui_version).toBe(comfyVersion);
        expect(system.os === 'posix').toBe(comfyVersion === '0.3.64');
        const nope = await post(`${url}/prompt`, {
          prompt: { a: { class_type: 'Nope', inputs: {} } },
        });
        expect([nope.status, nope.body.error.type]).toEqual([400, unknown]);
        const refused = await post(`${url}/prompt`, { prompt: cycle });
        expect(refused.status).toBe(400);
        expect(Object.keys(refused.body.node_errors as object)).toEqual(cycleNodes);
        expect((await call(`${url}/api/jobs`)).status).toBe(jobs);
        const named = await post(`${url}/prompt`, { prompt: {}, prompt_id: null });
        expect(named.body.error.type).toBe('prompt_no_outputs');
        const upper = await post(`${url}/prompt`, { prompt: textToImage(), prompt_id: 'Job 1' });
        expect(upper.status).toBe(oddId);
        const cancelled = await post(`${url}/api/jobs/nobody/cancel`, '');
        expect(cancelled.status).toBe(cancel);
        const combo = await post(`${url}/prompt`, {
          prompt: {
            a: { class_type: 'LatentCut', inputs: { ...latentCut, dim: 'odd' } },
            b: { class_type: 'EmptyLatentImage', inputs: { width: 64, height: 64, batch_size: 1 } },
            c: { class_type: 'PreviewAny', inputs: { source: ['a', 0] } },
          },
        });
        expect(combo.status).toBe(comfyVersion === '0.3.64' ? 200 : 400);
        const entry = await run(textToImage({ seed: 9 }));
        expect('create_time' in entry.prompt[3]).toBe(comfyVersion !== '0.3.64');
      });
    },
  );
});

const latentCut = { samples: ['b', 0], index: 0, amount: 1 };
