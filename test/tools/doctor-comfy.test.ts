/** What the doctor says of a ComfyUI that is not right; docs/comfyui.md quotes every word of it. */
import { createServer, type Server } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { checkComfy } from '../../src/commands/doctor/comfy.ts';
import { nodeClassesFor } from '../../src/commands/doctor/comfy-nodes.ts';
import { checkSocket } from '../../src/commands/doctor/comfy-socket.ts';
import type { Finding } from '../../src/commands/doctor/finding.ts';
import { loadConfig } from '../../src/config.ts';
import { createResourceStore } from '../../src/db/resources.ts';
import { seedCatalogue } from '../../src/db/seed-catalogue.ts';
import { ephemeralPort } from '../../src/dev/ports.ts';
import type { ModelFiles } from '../../src/executors/simulator/models.ts';
import { startSimulator, type Simulator } from '../../src/executors/simulator/server.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { readPage } from '../support/markdown.ts';
import { startReverseProxy, type ReverseProxyOptions } from '../support/reverse-proxy.ts';

const HOST = '127.0.0.1';
const BASIC = `Basic ${Buffer.from('user:right').toString('base64')}`;
const MODELS = { checkpoints: ['dreamshaper_8.safetensors'], loras: ['style.safetensors'] };

const releases: (() => Promise<unknown>)[] = [];
let simulator: Simulator;
let database: TestDatabase;
let emptyDatabase: TestDatabase;

const startServer = async (name: string, models: ModelFiles): Promise<Simulator> => {
  const dataDir = await mkdtemp(join(tmpdir(), `doctor-${name}-`));
  const server = await startSimulator({ port: 0, dataDir, models });
  releases.push(() => rm(dataDir, { recursive: true, force: true }), server.close);
  return server;
};

const listen = async (server: Server): Promise<string> => {
  await new Promise<void>((done) => server.listen(0, HOST, done));
  releases.push(() => new Promise((done) => server.close(done)));
  return `http://${HOST}:${(server.address() as AddressInfo).port}`;
};

const behind = async (options: Partial<ReverseProxyOptions>): Promise<string> => {
  const proxy = await startReverseProxy({ target: simulator.url, ...options });
  releases.push(proxy.close);
  return proxy.url;
};

beforeAll(async () => {
  simulator = await startServer('models', MODELS);
  [database, emptyDatabase] = await Promise.all([createTestDatabase(), createTestDatabase()]);
  releases.push(database.drop, emptyDatabase.drop);
  await seedCatalogue(createResourceStore(database.sql), 'local');
  await register(
    database,
    'urn:air:sd1:checkpoint:civitai:4384@128714',
    'dreamshaper_8.safetensors',
  );
  await register(database, 'urn:air:sd1:lora:civitai:1000@2000', 'style.safetensors');
});
afterAll(async () => {
  for (const release of releases.splice(0).reverse()) await release();
});

const register = (into: TestDatabase, air: string, fileName: string): Promise<unknown> =>
  createResourceStore(into.sql).insertResource('local', {
    air,
    fileName,
    modelName: 'model',
    type: 'Checkpoint',
    details: {},
  });

const examine = (settings: Readonly<Record<string, string>>): Promise<readonly Finding[]> =>
  checkComfy(
    loadConfig({ COMFY_HTTP_URL: simulator.url, DATABASE_URL: database.url, ...settings }),
  );

/** As `npm run doctor` prints it, with the ports that the page uses. */
const printed = (findings: readonly Finding[]): string =>
  findings
    .filter(({ well }) => !well)
    .map(({ what, says, todo }) => `✗ ${what}: ${says}\n    → ${todo ?? ''}\n`)
    .join('')
    .replaceAll(/127\.0\.0\.1:\d+/g, `${HOST}:8188`);

/** Heading of the page → how to make that mistake. */
const MISTAKES: Readonly<Record<string, () => Promise<Readonly<Record<string, string>>>>> = {
  'Wrong port': async () => ({
    COMFY_HTTP_URL: `http://${HOST}:${await ephemeralPort(HOST)}`,
  }),
  'A web page that is no ComfyUI': async () => {
    const page = createServer((_request, response) => {
      response.setHeader('content-type', 'text/html; charset=utf-8').end('<h1>It works!</h1>');
    });
    return { COMFY_HTTP_URL: `${await listen(page)}/prompt` };
  },
  'A login page': async () => {
    const login = createServer((_request, response) => {
      response.writeHead(302, { location: '/login?next=secret' }).end();
    });
    return { COMFY_HTTP_URL: await listen(login) };
  },
  'A proxy without ComfyUI behind it': async () => {
    const target = `http://${HOST}:${await ephemeralPort(HOST)}`;
    return { COMFY_HTTP_URL: await behind({ target }) };
  },
  'No credentials': async () => ({
    COMFY_HTTP_URL: await behind({ demands: { header: 'authorization', value: BASIC } }),
  }),
  'Wrong credentials': async () => {
    const url = await behind({ demands: { header: 'authorization', value: BASIC } });
    return { COMFY_HTTP_URL: url.replace('http://', 'http://user:wr0ng@') };
  },
  'Too old a version': async () => ({
    COMFY_HTTP_URL: await behind({
      rewrite: {
        '/system_stats': ({ system, ...rest }) => ({
          ...rest,
          system: { ...(system as object), comfyui_version: '0.3.10' },
        }),
      },
    }),
  }),
  'WebSocket that does not come through': async () => ({
    COMFY_HTTP_URL: await behind({ upgrades: 'no' }),
  }),
  'WebSocket that wants other credentials': async () => ({
    COMFY_HTTP_URL: await behind({ upgrades: 'private' }),
  }),
  'WebSocket URL that does not answer': async () => ({
    COMFY_WS_URL: `ws://${HOST}:${await ephemeralPort(HOST)}/ws`,
  }),
  'Missing node': async () => ({
    COMFY_HTTP_URL: await behind({
      rewrite: { '/object_info': ({ FluxGuidance: _left, ...classes }) => classes },
    }),
  }),
  'Missing model': async () => {
    const own = await createTestDatabase();
    releases.push(own.drop);
    await register(own, 'urn:air:sd1:checkpoint:civitai:4384@128713', 'dreamshaper_8.safetensors');
    await register(own, 'urn:air:sd1:lora:civitai:58390@62833', 'add_detail.safetensors');
    return { DATABASE_URL: own.url };
  },
  'No model at all': async () => ({ COMFY_HTTP_URL: (await startServer('none', {})).url }),
  'No model is registered': async () => ({ DATABASE_URL: emptyDatabase.url }),
};

describe('the doctor and a ComfyUI', () => {
  it('says which registered resources are there when all is well', async () => {
    const findings = await examine({});
    expect(printed(findings)).toBe('');
    expect(findings.map(({ what, says }) => `${what}: ${says}`)).toEqual([
      `ComfyUI: 0.10.0 at ${simulator.url} on simulated`,
      `ComfyUI WebSocket: answers at ${simulator.wsUrl}`,
      // Of custom nodes, which the simulator has none of.
      'ComfyUI nodes: it has all that sd1, sdxl, sd3, flux1 need; requests that need Image Remove Background (rembg), PiDiNetPreprocessor, Zoe-DepthMapPreprocessor are refused',
      expect.stringMatching(
        /^ComfyUI models: 1 to draw with; 2 of \d+ registered resources have a file, the other \d+ are samples$/,
      ),
    ]);
  });

  it('counts models alone when it cannot read the catalogue', async () => {
    const [, , , models] = await examine({ DATABASE_URL: '' });
    expect(models).toMatchObject({ well: true, says: expect.stringMatching(/^1 to draw with \(/) });
  });

  it('knows the nodes of all that graphs may hold', () => {
    expect(nodeClassesFor('sd1')).toEqual(
      expect.arrayContaining([
        'CheckpointLoaderSimple',
        'CLIPSetLastLayer',
        'LoraLoader',
        'VAELoader',
      ]),
    );
    expect(nodeClassesFor('flux1')).toEqual(
      expect.arrayContaining(['CheckpointLoaderSimple', 'UNETLoader', 'DualCLIPLoader']),
    );
  });

  it.each(Object.keys(MISTAKES))('says what docs/comfyui.md quotes: %s', async (title) => {
    const says = printed(await examine((await MISTAKES[title]?.()) ?? {}));
    expect(says).not.toMatch(/wr0ng|secret/);
    expect(says).toBe((await quotes()).get(title));
  });

  it('is quoted in docs/comfyui.md for nothing else', async () => {
    expect([...(await quotes()).keys()]).toEqual(Object.keys(MISTAKES));
  });

  it('gives up on a WebSocket that opens and stays silent', async () => {
    const server = createServer();
    const sockets = new WebSocketServer({ server });
    const url = new URL((await listen(server)).replace('http', 'ws'));
    const variable = 'COMFY_WS_URL';
    const silent = await checkSocket({ url, headers: {}, variable, deadlineMs: 100 });
    for (const socket of sockets.clients) socket.terminate();
    expect(silent).toMatchObject({ well: false, says: expect.stringContaining('says nothing') });
  });

  it.each(['http://no-such-host.invalid:8188', 'https'])(
    'tells %s by its code',
    async (address) => {
      const url = address === 'https' ? simulator.url.replace('http:', 'https:') : address;
      const says = printed(await examine({ COMFY_HTTP_URL: url }));
      expect(says).toMatch(
        address === 'https' ? /does not speak TLS/ : /no host no-such-host\.invalid is known here/,
      );
    },
  );
});

/** Headings of the page with the quote below each. */
async function quotes(): Promise<ReadonlyMap<string, string>> {
  const { text } = await readPage('docs/comfyui.md');
  const blocks = text.matchAll(/^### ([^\n]+)\n(?:(?!#)[^\n]*\n)*?```text\n(✗.*?)^```$/gms);
  return new Map([...blocks].map(([, title = '', quote = '']) => [title, quote]));
}
