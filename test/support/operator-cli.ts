import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { inject } from 'vitest';
import type { TestStack } from './stack.ts';

const execFileAsync = promisify(execFile);
const RUNBOOK = new URL('../../docs/operations.md', import.meta.url);

/** Every `temporal …` line in a shell block of docs/operations.md. */
export async function runbookCommands(): Promise<string[]> {
  const page = await readFile(RUNBOOK, 'utf8');
  const blocks = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map((match) => match[1] ?? '');
  return blocks.flatMap((block) => block.split('\n').filter((line) => /^temporal\s/.test(line)));
}

export interface OperatorCli {
  /** Runs a command of the runbook with its variables in the environment; parsed JSON, or the text. */
  run(command: string, variables?: Readonly<Record<string, string>>): Promise<unknown>;
  /** Commands of the runbook that were not run. */
  unused(): string[];
}

/** The real CLI binary against a stack's namespace. Only what stands in the runbook can be run. */
export async function createOperatorCli(stack: TestStack): Promise<OperatorCli> {
  const commands = await runbookCommands();
  const unused = new Set(commands);
  return {
    async run(command, variables = {}) {
      if (!commands.includes(command))
        throw new Error(`docs/operations.md does not have the command: ${command}`);
      unused.delete(command);
      const script = `temporal() { "$TEMPORAL_BINARY" "$@" --output json --time-format raw; }\n${command}`;
      const { stdout } = await execFileAsync('sh', ['-ec', script], {
        env: {
          PATH: process.env['PATH'] ?? '',
          HOME: stack.dir,
          TEMPORAL_BINARY: inject('temporalBinary'),
          TEMPORAL_ADDRESS: inject('temporalAddress'),
          TEMPORAL_NAMESPACE: stack.namespace,
          ...variables,
        },
        maxBuffer: 16 * 1024 * 1024,
      });
      try {
        return JSON.parse(stdout) as unknown;
      } catch {
        return stdout;
      }
    },
    unused: () => [...unused],
  };
}
