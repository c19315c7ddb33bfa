import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it } from 'vitest';
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
setInterval(() => undefined, 1_000);
const signal = untilSignal(silentLogger);
process.stdout.write('ready\\n');
process.stdout.write(await signal + '\\n');
`;

describe('untilSignal', () => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });
  const start = async () => {
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '--eval', SCRIPT],
      { cwd: new URL('..', import.meta.url), stdio: ['ignore', 'pipe', 'inherit', 'ipc'] },
    );
    children.push(child);
    if (!child.stdout) throw new Error('unreachable');
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const said = async (): Promise<unknown> => (await lines.next()).value;
    expect(await said()).toBe('ready');
    return { child, said };
  };

  /** Signals right after the first count as the same one, so one is not enough. */
  const signalUntilGone = async (child: ChildProcess): Promise<unknown[]> => {
    const timer = setInterval(() => child.kill('SIGINT'), 50);
    try {
      return await once(child, 'exit');
    } finally {
      clearInterval(timer);
    }
  };

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'resolves with %s, and a second signal ends the process with 1',
    async (name) => {
      const { child, said } = await start();
      child.kill(name);
      expect(await said()).toBe(name);
      expect(await signalUntilGone(child)).toEqual([1, null]);
    },
  );

  it('resolves when the parent is gone', async () => {
    const { child, said } = await start();
    child.disconnect();
    expect(await said()).toBe('parent gone');
    expect(await signalUntilGone(child)).toEqual([1, null]);
  });
});
