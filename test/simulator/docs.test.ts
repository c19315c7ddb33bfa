/** docs/simulator.md: its commands are run, its lists are compared with the code. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../src/executors/simulator/faults.ts';
import { createNodeDefinitions } from '../../src/executors/simulator/graph/node-definitions.ts';
import custom from '../../src/executors/simulator/object-info/custom.json' with { type: 'json' };
import { call, post, textToImage, withSimulator, type Json } from './simulator-session.ts';

const execFileAsync = promisify(execFile);
const page = await readFile(new URL('../../docs/simulator.md', import.meta.url), 'utf8');
const commands = page.split('\n').filter((line) => line.startsWith('curl '));

const curl = async (command: string, url: string): Promise<Json> => {
  const { stdout } = await execFileAsync('sh', ['-ec', command], {
    env: { PATH: process.env['PATH'] ?? '', SIM: url },
  });
  return JSON.parse(stdout);
};

describe('docs/simulator.md', () => {
  it('has curl commands that work, one for every fault', async () => {
    const kinds = new Set<unknown>();
    const exits: number[] = [];
    const exit = (code: number): void => {
      exits.push(code);
    };
    await withSimulator({ exit }, async ({ url, run }) => {
      for (const command of commands) {
        const answer = await curl(command, url);
        expect([command, answer.error]).toEqual([command, undefined]);
        kinds.add(/"kind": "([a-z-]+)"/.exec(command)?.[1]);
      }
      // The last command was a reset.
      expect((await call(`${url}/sim/faults`)).body).toEqual({ faults: [] });
      await post(`${url}/sim/models`, { checkpoints: ['a.safetensors'], loras: ['b.safetensors'] });
      await run(textToImage({ checkpoint: 'a.safetensors', lora: 'b.safetensors' }));
      const log = await curl('curl -s $SIM/sim/executions', url);
      expect(log.executions).toMatchObject([{ outcome: 'success' }]);
    });
    kinds.delete(undefined);
    expect([...kinds].sort()).toEqual(
      Fault.options.map((option) => option.shape.kind.value).sort(),
    );
    expect(exits).toEqual([]);
  });

  it('explains every fault and counts the classes right', () => {
    for (const option of Fault.options) {
      expect(page).toContain(`| \`${option.shape.kind.value}\``);
    }
    const definitions = createNodeDefinitions({ models: () => ({}), inputFiles: () => [] });
    const all = Object.keys(definitions.all());
    const own = Object.keys(custom);
    expect(page).toContain(`(${all.length - own.length} of its 426 classes)`);
    for (const name of own) expect(page).toContain(`\`${name}\``);
  });
});
