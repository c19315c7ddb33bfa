import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createLifecycle } from './lifecycle.ts';
import { silentLogger } from './telemetry.ts';

describe('a lifecycle', () => {
  it('releases in reverse order, one after the other, and goes on when one fails', async () => {
    const log: string[] = [];
    const lines: object[] = [];
    const lifecycle = createLifecycle({
      ...silentLogger,
      warn: (fields) => void lines.push(fields),
    });
    expect(lifecycle.add('first', 1, () => void log.push('first'))).toBe(1);
    lifecycle.add('second', 2, async () => {
      log.push('second begins');
      await new Promise((resolve) => setImmediate(resolve));
      log.push('second ends');
    });
    lifecycle.add('third', 3, () => {
      throw new Error('stuck');
    });
    await lifecycle.release();
    expect(log).toEqual(['second begins', 'second ends', 'first']);
    expect(lines).toEqual([{ part: 'third', error: 'stuck' }]);
  });

  it('releases once, whoever asks how often', async () => {
    let released = 0;
    const lifecycle = createLifecycle(silentLogger);
    lifecycle.add('part', undefined, () => void (released += 1));
    await Promise.all([lifecycle.release(), lifecycle.release()]);
    await lifecycle.release();
    expect(released).toBe(1);
  });
});

const SCRIPT = `
import { untilSignal } from './src/lifecycle.ts';
import { silentLogger } from './src/telemetry.ts';
const signal = untilSignal(silentLogger);
process.send('ready');
process.send(await signal);
setInterval(() => undefined, 1_000);
`;

describe('untilSignal', () => {
  const start = async () => {
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '--eval', SCRIPT],
      { cwd: new URL('..', import.meta.url), stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
    );
    const [ready] = (await once(child, 'message')) as [unknown];
    expect(ready).toBe('ready');
    return child;
  };

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'resolves with %s, and a second signal ends the process with 1',
    async (name) => {
      const child = await start();
      child.kill(name);
      expect(await once(child, 'message')).toEqual([name, undefined]);
      child.kill('SIGINT');
      expect(await once(child, 'exit')).toEqual([1, null]);
    },
  );

  it('resolves when the parent is gone', async () => {
    const child = await start();
    child.disconnect();
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([1, null]);
  });
});
