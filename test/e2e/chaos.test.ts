import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { runChaos, type ChaosOptions, type ChaosRun } from '../chaos/run-chaos.ts';

/** Several starts of everything from source, on a machine that does other things as well. */
const PATIENCE_MS = 600_000;

describe('chaos, the short form of `npm run test:chaos`', { timeout: PATIENCE_MS }, () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'orchestrator-chaos-'));
  });
  afterAll(() => rm(dir, { recursive: true, force: true, maxRetries: 10 }));

  const run = (name: string, change: Partial<ChaosOptions>): Promise<ChaosRun> =>
    runChaos({
      ...{ seed: 5, jobs: 30, kills: 8, servers: 2, apis: 1, cpuWorkers: 1 },
      ...{ lostAfterMs: 60_000, withLongOutages: false, sabotage: undefined },
      dir: join(dir, name),
      temporalBinary: inject('temporalBinary'),
      program: [inject('builtCli')],
      stuckAfterMs: 120_000,
      onProgress: () => undefined,
      ...change,
    });

  it('loses nothing and draws nothing twice without need while every part is killed once', async () => {
    const { verdict, outages } = await run('whole', {});
    expect(verdict.findings).toEqual([]);
    expect(outages.filter(({ what }) => what === 'killed')).toHaveLength(8);
    expect(Object.fromEntries(verdict.counts)).toMatchObject({ 'jobs accepted': 30 });
  });

  it('turns red when submit does not look the prompt up first', async () => {
    const { verdict } = await run('blind', {
      ...{ jobs: 8, kills: 0, servers: 1, sabotage: 'lookup' },
    });
    expect(verdict.findings.join('\n')).toContain('was drawn again without need');
  });
});
