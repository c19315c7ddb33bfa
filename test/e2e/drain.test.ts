import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { startRoleProcess } from '../support/worker-process.ts';

describe('a process that is asked to stop while its database connections come back', () => {
  let stack: TestStack;
  let link: TcpProxy;
  beforeAll(async () => {
    stack = await startTestStack({ role: 'none' });
    link = await startTcpProxy(new URL(stack.env['DATABASE_URL'] ?? ''));
  });
  afterAll(async () => {
    await link.close();
    await stack.stop();
  });

  it.each(['api', 'worker-cpu'] as const)('ends: %s', async (role) => {
    const database = new URL(stack.env['DATABASE_URL'] ?? '');
    database.port = String(link.port);
    const started = await startRoleProcess(role, { ...stack.env, DATABASE_URL: database.href });
    try {
      // The driver connects anew a quarter of a second later, also for a pool that was closed meanwhile.
      link.reset();
      expect(await started.terminate(), started.output()).toBe(0);
    } finally {
      await started.kill();
    }
  });
});
