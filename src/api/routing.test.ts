import { describe, expect, it } from 'vitest';
import { formatAir, parseAir } from '../domain/air.ts';
import type { FleetServer } from '../domain/fleet.ts';
import { JOBS } from './job-calls.test-support.ts';
import { createTestApi, SD1, SDXL, validJob, type TestApi } from './test-api.test-support.ts';

const FILES = {
  [SD1]: 'sd1/civitai/4384/128713.safetensors',
  [SDXL]: 'sdxl/civitai/101055/128078.safetensors',
};

const server = (
  id: string,
  pool: string,
  models: readonly (keyof typeof FILES)[],
  change: Partial<FleetServer> & { readonly nodeClasses?: readonly string[] } = {},
): FleetServer => {
  const { nodeClasses = [], ...rest } = change;
  const checkpoints = models.map((model) => FILES[model] ?? '');
  return {
    ...{ id, pool, room: 2, reachable: true, draining: false, ecosystems: null, vramBytes: null },
    lists: { files: { checkpoints }, nodeClasses: new Set(nodeClasses) },
    ...rest,
  };
};

const apiOn = (...fleet: readonly FleetServer[]): TestApi => {
  const api = createTestApi();
  api.fleet.push(...fleet);
  return api;
};

/** Pools of the jobs that a request was accepted as. */
async function poolsOf(api: TestApi, body: unknown): Promise<string[]> {
  const known = new Set(api.orchestrator.rows.keys());
  const response = await api.send('POST', JOBS, body);
  expect(response.status, await response.clone().text()).toBe(202);
  return [...api.orchestrator.rows.values()]
    .filter(({ id }) => !known.has(id))
    .map(({ pool }) => pool);
}

async function refusal(api: TestApi, body: unknown): Promise<string> {
  const response = await api.send('POST', JOBS, body);
  const problem = (await response.json()) as { code: string; detail: string };
  expect(response.status).toBe(400);
  expect(problem.code).toBe('resource_unavailable');
  return problem.detail;
}

describe('the pool of a job', () => {
  it('is one whose servers have its files', async () => {
    const api = apiOn(server('a', 'small', [SD1]), server('b', 'big', [SDXL]));
    expect(await poolsOf(api, validJob({ model: SD1 }))).toEqual(['small']);
    expect(await poolsOf(api, validJob({ model: SDXL }))).toEqual(['big']);
    const both = { jobs: [validJob({ model: SDXL }), validJob({ model: SD1 })] };
    expect(await poolsOf(api, both)).toEqual(['big', 'small']);
  });

  it('is the one with the least waiting for its room, counting what was accepted since', async () => {
    const api = apiOn(
      server('a', 'small', [SD1], { room: 1 }),
      server('b', 'big', [SD1], { room: 1 }),
      server('c', 'big', [SD1], { room: 1 }),
    );
    api.waiting.set('big', 4);
    const pools = await poolsOf(api, validJob({ model: SD1, quantity: 8 }));
    expect(pools.filter((pool) => pool === 'small')).toHaveLength(4);
    expect(pools.slice(0, 2)).toEqual(['small', 'small']);
  });

  it('is one that takes jobs now rather than one that is drained or away', async () => {
    const api = apiOn(
      server('a', 'away', [SD1], { reachable: false }),
      server('b', 'drained', [SD1], { draining: true }),
      server('c', 'here', [SD1]),
    );
    api.waiting.set('here', 1_000);
    expect(await poolsOf(api, validJob({ model: SD1 }))).toEqual(['here']);
    api.fleet.pop();
    api.clock = new Date(api.clock.getTime() + 10_000);
    expect(await poolsOf(api, validJob({ model: SD1 }))).toEqual(['drained']);
  });

  it('is by the last lists while no server answers, else the default', async () => {
    const api = apiOn(
      server('a', 'small', [SD1], { reachable: false }),
      server('b', 'big', [SDXL], { reachable: false }),
    );
    expect(await poolsOf(api, validJob({ model: SDXL }))).toEqual(['big']);
    expect(await poolsOf(createTestApi(), validJob({ model: SDXL }))).toEqual(['default']);
  });
});

describe('the fleet', () => {
  it('is answered for as it was last read while it cannot be read', async () => {
    const api = apiOn(server('a', 'small', [SD1]));
    await poolsOf(api, validJob({ model: SD1 }));
    api.clock = new Date(api.clock.getTime() + 10_000);
    const readFleet = () => Promise.reject(new Error('no connection'));
    Object.assign(api.deps, { fleet: { ...api.deps.fleet, readFleet } });
    const response = await api.send('POST', `${JOBS}?wait=true`, validJob({ model: SD1 }));
    expect(response.status, await response.clone().text()).toBe(202);
  });
});

describe('a job that no server which answers can run is refused', () => {
  it('naming the pools and servers that were searched, and one that has the file and is away', async () => {
    const api = apiOn(
      server('a', 'small', [SD1]),
      server('b', 'big', [SDXL], { reachable: false }),
      server('c', 'big', []),
    );
    const detail = await refusal(api, validJob({ model: SDXL }));
    for (const part of [
      SDXL,
      "checkpoints of 'a' of pool 'small', 'c' of pool 'big'",
      FILES[SDXL] ?? '',
      "It is on 'b' of pool 'big', which does not answer",
      'PATCH',
    ])
      expect(detail).toContain(part);
  });

  it('naming the node class that the nearest server lacks', async () => {
    const nodeClasses = ['CheckpointLoaderSimple', 'CLIPTextEncode', 'EmptyLatentImage'];
    const api = apiOn(
      server('a', 'default', [SDXL], { nodeClasses: [...nodeClasses, 'KSampler', 'VAEDecode'] }),
      server('b', 'default', [SDXL], { nodeClasses }),
    );
    const detail = await refusal(api, validJob({ model: SDXL }));
    expect(detail).toContain("on 'a': it does not know the node class SaveImage; update ComfyUI");
    expect(detail).not.toContain('KSampler');
  });

  it('naming the ecosystem it may not serve, or the memory it lacks', async () => {
    const api = apiOn(server('a', 'default', [SDXL], { ecosystems: ['sd1'] }));
    expect(await refusal(api, validJob({ model: SDXL }))).toContain(
      "on 'a': it may serve only sd1 and this is sdxl",
    );
    const small = apiOn(server('a', 'default', [SDXL], { vramBytes: 8 * 2 ** 30 }));
    expect(await poolsOf(small, validJob({ model: SDXL }))).toEqual(['default']);
    const patched = await small.send(
      'PATCH',
      `/v2/resources/${formatAir(parseAir(SDXL))}`,
      { vramBytes: 12 * 2 ** 30 },
      { 'content-type': 'application/merge-patch+json' },
    );
    expect(patched.status, await patched.clone().text()).toBe(200);
    expect(await refusal(small, validJob({ model: SDXL }))).toContain(
      `on 'a': ${SDXL} needs 12.0 GiB of video memory and it has 8.0`,
    );
  });
});
