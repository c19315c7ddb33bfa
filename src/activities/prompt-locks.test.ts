import { describe, expect, it } from 'vitest';
import { createPromptLocks } from './prompt-locks.ts';

/** An action that ends when it is told to. */
function controlled(log: string[], name: string) {
  let resolve!: (value: string) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<string>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  const action = async (): Promise<string> => {
    log.push(`${name} starts`);
    try {
      return await promise;
    } finally {
      log.push(`${name} ends`);
    }
  };
  return { action, end: () => resolve(name), fail: () => reject(new Error(name)) };
}

describe('prompt locks', () => {
  it('do one thing at a time to a prompt, in the order of the calls', async () => {
    const locks = createPromptLocks();
    const log: string[] = [];
    const [first, second, third] = [1, 2, 3].map((n) => controlled(log, `${n}`));
    if (!first || !second || !third) throw new Error('unreachable');
    const runs = [first, second, third].map(({ action }) => locks.run('p', action));
    third.end();
    second.end();
    first.end();
    expect(await Promise.all(runs)).toEqual(['1', '2', '3']);
    expect(log).toEqual(['1 starts', '1 ends', '2 starts', '2 ends', '3 starts', '3 ends']);
  });

  it('go on after a failure, which only its own caller sees', async () => {
    const locks = createPromptLocks();
    const log: string[] = [];
    const first = controlled(log, 'first');
    const failing = locks.run('p', first.action);
    const next = locks.run('p', () => Promise.resolve('next'));
    first.fail();
    await expect(failing).rejects.toThrow('first');
    expect(await next).toBe('next');
  });

  it('do not make one prompt wait for another', async () => {
    const locks = createPromptLocks();
    const first = controlled([], 'first');
    const held = locks.run('p', first.action);
    expect(await locks.run('q', () => Promise.resolve('q'))).toBe('q');
    first.end();
    await held;
  });
});
