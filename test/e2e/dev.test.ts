import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCliRunner, type CliRunner } from '../support/launcher.ts';

describe('npm run dev', () => {
  let runner: CliRunner;
  beforeAll(async () => {
    runner = await createCliRunner();
  });
  afterAll(() => runner.cleanUp());

  it('starts API and workers again on a change, on the same port, and keeps the engines up', async () => {
    const sources = join(runner.dir, 'sources');
    await mkdir(sources);
    const dev = runner.run(['dev', '--watch', sources]);
    const { url } = await dev.ready();
    await dev.prints(`Watching ${sources}`);
    const before = await dev.parts();

    await writeFile(join(sources, 'notes.md'), 'no program reads this');
    await writeFile(join(sources, 'changed.ts'), 'export {};');
    await dev.prints(/Started again in \d+\.\d s/);
    const after = await dev.parts();

    for (const engine of ['postgres', 'temporal', 'simulator'])
      expect(after[engine], engine).toBe(before[engine]);
    for (const role of ['api', 'worker']) {
      expect(after[role], role).toBeGreaterThan(0);
      expect(after[role], role).not.toBe(before[role]);
    }
    expect((await fetch(`${url}/health`)).status).toBe(200);
    expect(dev.output().match(/Started again/g)).toHaveLength(1);

    dev.kill('SIGTERM');
    expect(await dev.ended).toEqual({ code: 0, signal: null });
  });
});
