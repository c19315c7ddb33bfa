import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSimulator } from '../../src/executors/simulator/server.ts';
import { silentLogger } from '../../src/telemetry.ts';
import { createCliRunner, processesOf, type CliRunner } from '../support/launcher.ts';

const STAGES = ['CLAIMED', 'PROMPT_PREPARED', 'SENT_TO_COMFY', 'COMFY_RESULT'];

describe('npm run demo', () => {
  let runner: CliRunner;
  beforeAll(async () => {
    runner = await createCliRunner();
  });
  afterAll(() => runner.cleanUp());

  it('writes a checked picture, prints the timeline, leaves nothing running', async () => {
    const out = join(runner.dir, 'demo.png');
    const demo = runner.run(['demo', '--out', out]);
    expect(await demo.ended, demo.output()).toEqual({ code: 0, signal: null });

    const png = await readFile(out);
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([768, 512]);

    const lines = demo.output().split('\n');
    const timeline = lines.slice(lines.findIndex((line) => line.startsWith('Timeline of job')));
    expect(timeline.flatMap((line) => /[A-Z]+(_[A-Z]+)+|CLAIMED/.exec(line)?.[0] ?? [])).toEqual(
      STAGES,
    );
    expect(timeline.findLast((line) => line.startsWith('  '))).toMatch(
      /\+\d+\.\d{3} s {2}Succeeded/,
    );
    expect(demo.output()).toContain('demo.png (image/png, 768×512');
    expect(demo.output()).not.toContain('$type');

    expect(demo.output()).toContain('Everything is stopped.');
    expect(await processesOf(demo.dataDir)).toEqual([]);
  });

  it('fails with the reason when no picture can be drawn, writes none and stops everything', async () => {
    const data = join(runner.dir, 'broken');
    await mkdir(data, { recursive: true });
    const broken = await startSimulator({
      port: 0,
      dataDir: data,
      stepMs: 0,
      logger: silentLogger,
    });
    try {
      broken.fault({ kind: 'fail-node', times: 1_000 });
      const out = join(runner.dir, 'none.png');
      const demo = runner.run(['demo', '--out', out], { COMFY_HTTP_URL: broken.url });
      expect((await demo.ended).code).toBe(1);
      expect(demo.output()).toContain('No picture: ');
      expect(demo.output()).toContain('Everything is stopped.');
      expect(await demo.parts()).toEqual({});
      await expect(stat(out)).rejects.toThrow('ENOENT');
    } finally {
      await broken.close();
    }
  });

  it('fails with exit code 2 when a setting keeps the stack from starting', async () => {
    const demo = runner.run(['demo'], { TEMPORAL_CLI_PATH: join(runner.dir, 'nothing-there') });
    expect((await demo.ended).code).toBe(2);
    expect(demo.output()).toContain('TEMPORAL_CLI_PATH=');
    expect(await demo.parts()).toEqual({});
  });
});
