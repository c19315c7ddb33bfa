import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../config.ts';
import { isOrchestratorError } from '../errors.ts';

const EXAMPLE = new URL('../../assets/servers.yaml', import.meta.url).pathname;
const SECRETS = { GPU_A_LOGIN: 'user:hunter2', GPU_B_TOKEN: 'Bearer hunter2' };

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'servers-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

const load = (servers: unknown, env: Record<string, string> = {}) =>
  loadConfig({
    COMFY_SERVERS: typeof servers === 'string' ? servers : JSON.stringify(servers),
    ...env,
  });
const refusal = (servers: unknown, env: Record<string, string> = {}): string => {
  try {
    load(servers, env);
  } catch (error) {
    if (isOrchestratorError(error) && error.code === 'configuration') return error.message;
    throw error;
  }
  throw new Error('nothing was thrown');
};
const setIn = (id: string, credentials: string) => ({
  address: `url of ${id} in COMFY_SERVERS`,
  credentials: `${credentials} ${id} in COMFY_SERVERS`,
});
const A = { id: 'a', url: 'http://gpu-a:8188' };
const B = { id: 'b', url: 'http://gpu-b:8188' };

describe('a list of servers', () => {
  it('is read from a file, with credentials from the variables that it names', () => {
    expect(load(EXAMPLE, SECRETS).servers).toEqual([
      {
        id: 'gpu-a',
        httpUrl: 'https://gpu-a.example.org',
        pool: 'fast',
        labels: { rack: 'r1', card: 'rtx-4090' },
        headers: { authorization: `Basic ${Buffer.from('user:hunter2').toString('base64')}` },
        room: 'auto',
        serves: {},
        vramBytes: 24 * 1024 ** 3,
        setIn: setIn('gpu-a', 'GPU_A_LOGIN, named for'),
        faults: [],
      },
      {
        id: 'gpu-b',
        httpUrl: 'http://10.0.0.12:8188',
        wsUrl: 'ws://10.0.0.12:8188/ws',
        pool: 'fast',
        labels: {},
        headers: { authorization: 'Bearer hunter2' },
        room: 2,
        serves: {},
        setIn: setIn('gpu-b', 'GPU_B_TOKEN, named for'),
        faults: [],
      },
      {
        id: 'old-card',
        httpUrl: 'http://10.0.0.13:8188',
        pool: 'slow',
        labels: {},
        headers: {},
        room: 'auto',
        serves: { ecosystems: ['sd1'] },
        setIn: setIn('old-card', 'credentials or headers of'),
        faults: [],
      },
    ]);
  });

  it('is read as JSON, from a file or as it stands, as a list or as an object with servers', () => {
    const file = join(dir, 'servers.json');
    writeFileSync(file, JSON.stringify({ servers: [A, B] }, null, '\t'));
    const fromFile = load(file);
    expect(fromFile.servers.map(({ id }) => id)).toEqual(['a', 'b']);
    expect(fromFile.simulation).toBe(false);
    expect(load([A, B]).servers).toEqual(fromFile.servers);
  });

  it('leaves pool and room of a server that names none to COMFY_POOL and COMFY_ROOM', () => {
    const [a, b] = load([A, { ...B, pool: 'p', room: 'auto' }], {
      COMFY_POOL: 'own',
      COMFY_ROOM: '3',
    }).servers;
    expect(a).toMatchObject({ pool: 'own', room: 3 });
    expect(b).toMatchObject({ pool: 'p', room: 'auto' });
  });

  it('is served in part by a process that names ids in COMFY_SERVE', () => {
    expect(load([A, B], { COMFY_SERVE: 'b' }).servers.map(({ id }) => id)).toEqual(['b']);
    expect(load([A, B], { COMFY_SERVE: 'b , a' }).servers.map(({ id }) => id)).toEqual(['a', 'b']);
    expect(refusal([A, B], { COMFY_SERVE: 'b,c' })).toContain('no server c; known are a, b');
  });

  it('does without the variables of servers that others serve', () => {
    const [first] = load(EXAMPLE).servers;
    expect(first?.headers).toEqual({});
    expect(first?.faults).toEqual([
      'gpu-a: GPU_A_LOGIN is not set, which holds its authorization header.',
    ]);
    const [bad] = load([{ ...A, headers: { 'x-key': { env: 'KEY' } } }], {
      KEY: 'hunter2\nx',
    }).servers;
    expect(bad?.faults[0]).toContain('header "x-key" cannot be sent');
    expect(bad?.faults[0]).not.toContain('hunter');
  });

  it('and the variables of a single server at once are refused', () => {
    const message = refusal([A], { COMFY_HTTP_URL: 'http://localhost:8188' });
    expect(message).toContain('COMFY_SERVERS and COMFY_HTTP_URL are set at once');
  });

  it.each<[string, unknown, ...string[]]>([
    ['the same id twice', [A, { ...B, id: 'a' }], 'servers[1].id: a is the id of servers[0]'],
    [
      'the same address twice',
      [A, { id: 'b', url: 'HTTP://GPU-A:8188/prompt' }],
      'servers[1].url: HTTP://GPU-A:8188/prompt is the address of servers[0]',
    ],
    ['no id', [{ url: A.url }], 'servers[0].id: is required'],
    ['an id of other letters', [{ ...A, id: 'GPU 1' }], 'servers[0].id: expected', 'seen "GPU 1"'],
    ['no URL', [{ id: 'a' }], 'servers[0].url: is required'],
    ['no URL in url', [{ ...A, url: 'gpu-a' }], 'servers[0].url: expected a URL', 'seen "gpu-a"'],
    ['a scheme of something else', [{ ...A, url: 'ftp://gpu-a' }], 'http:// or https://'],
    ['HTTP where a WebSocket is', [{ ...A, ws: A.url }], 'servers[0].ws: expected', 'ws:// or wss'],
    ['a pool of other letters', [{ ...A, pool: 'Fast!' }], 'servers[0].pool: expected', '"Fast!"'],
    [
      'a pool that is not declared',
      { pools: ['fast', 'slow'], servers: [{ ...A, pool: 'fats' }] },
      'servers[0].pool: fats is not among pools (fast, slow)',
    ],
    ['room for nobody', [{ ...A, room: 0 }], 'servers[0].room: expected at least 1', 'seen 0'],
    ['room in words', [{ ...A, room: 'lots' }], 'servers[0].room: expected auto, or', '"lots"'],
    ['a field of no meaning', [{ ...A, pol: 'x' }], 'servers[0].pol: is not a known field'],
    ['an unknown ecosystem', [{ ...A, serves: { ecosystems: ['sd9'] } }], 'sdxl', 'seen "sd9"'],
    ['no servers', { servers: [] }, 'servers: expected at least 1'],
    ['something else altogether', { gpu: A }, 'servers: is required'],
    ['broken text', '[{"id": "a" "url": 1}]', 'line 1, column 13: neither JSON nor YAML'],
    ['one field twice', '{"servers":[],"servers":[]}', 'column 15: the same field twice'],
    ['aliases', '[&x {"id":"a"},*x]', 'YAML aliases'],
    ['a file that is not there', './nowhere.yaml', 'nowhere.yaml: cannot be read (ENOENT)'],
  ])('with %s is refused: where, what was seen, what to do', (_what, servers, ...words) => {
    const message = refusal(servers);
    for (const word of words) expect(message).toContain(word);
  });

  it.each<[string, unknown]>([
    ['in url', [{ ...A, url: 'http://user:hunter2@gpu:8188' }]],
    ['in ws', [{ ...A, ws: 'ws://hunter2@gpu:8188/ws' }]],
    ['in a URL that is none', [{ ...A, url: 'htp//user:hunter/2@gpu' }]],
    ['in a query', [{ ...A, url: 'ftp://gpu/?token=hunter2' }]],
    ['in another field', [{ ...A, pool: 'http://user:hunter2@gpu' }]],
    ['as the name of a field', [{ ...A, 'http://user:hunter2@gpu': 1 }]],
    ['as the value of a header', [{ ...A, headers: { authorization: 'Bearer hunter2' } }]],
    ['instead of a variable', [{ ...A, credentials: { env: 'user:hunter2' } }]],
    [
      'in two addresses that are one',
      [
        { ...A, url: 'http://g/?k=hunter2' },
        { ...B, url: 'http://g/?k=hunter2' },
      ],
    ],
    ['in broken text', '[{"id": "a", "url": "http://user:hunter2@gpu:8188" "x"}]'],
    ['in text that never ends', '[{"url": "http://user:hunter2@gpu:8188'],
  ])('with credentials %s is refused without showing them', (_where, servers) => {
    expect(refusal(servers)).not.toContain('hunter');
  });

  it('says of credentials in a URL where they belong', () => {
    const message = refusal([A, { ...B, url: 'http://user:hunter2@gpu:8188' }]);
    expect(message).toContain('servers[1].url: credentials do not belong in a URL');
    expect(message).toContain('credentials: { env: GPU_LOGIN }');
    expect(message).toContain('(hidden)@gpu:8188');
  });
});

describe('a single server', () => {
  it('is what the variables of the origin name', () => {
    const { servers } = loadConfig({
      COMFY_HTTP_URL: 'http://localhost:8188/prompt',
      COMFY_WS_URL: 'ws://localhost:8188/ws',
      COMFY_HEADERS: '{"X-Key":"1"}',
      COMFY_POOL: 'p',
    });
    expect(servers).toEqual([
      {
        id: 'local',
        httpUrl: 'http://localhost:8188/prompt',
        wsUrl: 'ws://localhost:8188/ws',
        pool: 'p',
        labels: {},
        headers: { 'x-key': '1' },
        room: 'auto',
        serves: {},
        faults: [],
      },
    ]);
  });
});
