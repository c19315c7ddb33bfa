import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const TELEMETRY = fileURLToPath(new URL('./telemetry.ts', import.meta.url));

/** What a process logs that makes a JSON logger, logs 100 lines and then ends so. */
const linesOf = (end: string): Promise<string[]> =>
  new Promise((resolve) => {
    const code = `
      const { createLogger } = await import(${JSON.stringify(TELEMETRY)});
      const logger = createLogger({ LOG_LEVEL: 'info', LOG_FORMAT: 'json' }, 'test');
      for (let index = 0; index < 100; index += 1) logger.info({ index, token: 'hunter2' }, 'line');
      ${end}`;
    const args = ['--import', 'tsx', '--input-type=module', '--eval', code];
    execFile(process.execPath, args, (_error, stdout) => {
      resolve(stdout.trimEnd().split('\n'));
    });
  });

describe('JSON log lines', () => {
  it.each([
    ['by itself', ''],
    ['at once', 'process.exit(3);'],
    ['by an error nobody caught', "setImmediate(() => { throw new Error('oh'); });"],
  ])('are all written when the process ends %s, without secrets', async (_how, end) => {
    const lines = await linesOf(end);
    // A write that is under way at the exit can come after the rest.
    const indexes = lines.map((line) => (JSON.parse(line) as { index: number }).index);
    expect(indexes.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, index) => index));
    expect(lines.join('')).not.toContain('hunter2');
  });
});
