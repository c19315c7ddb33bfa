import type { Role } from '../../src/commands/role.ts';
import type { Serving } from '../../src/commands/serve.ts';
import { startReverseProxy } from './reverse-proxy.ts';
import { startRoleProcess } from './worker-process.ts';

export interface ProcessCounts {
  readonly api: number;
  readonly cpu: number;
}

/** TEST_API_PROCESSES and TEST_CPU_WORKERS; undefined when neither is set: roles then run in the test's process. */
export function processCounts(
  env: Readonly<Record<string, string | undefined>>,
): ProcessCounts | undefined {
  const { TEST_API_PROCESSES: api, TEST_CPU_WORKERS: cpu } = env;
  if (api === undefined && cpu === undefined) return undefined;
  return { api: Number(api ?? 1), cpu: Number(cpu ?? 1) };
}

/** How many processes place jobs in a stack with all roles. */
export const placerCount = processCounts(process.env)?.cpu ?? 1;

const PARTS: Readonly<Record<Role, readonly ('api' | 'worker-cpu' | 'worker-gpu')[]>> = {
  api: ['api'],
  worker: ['worker-cpu', 'worker-gpu'],
  'worker-cpu': ['worker-cpu'],
  'worker-gpu': ['worker-gpu'],
  monolith: ['api', 'worker-cpu', 'worker-gpu'],
};

/**
 * Runs a role as processes of their own: so many of the api, whose requests go to each in turn, so many cpu workers,
 * one gpu worker.
 */
export async function serveInProcesses(
  role: Role,
  env: Readonly<Record<string, string>>,
  counts: ProcessCounts,
): Promise<Serving> {
  const countOf = { api: counts.api, 'worker-cpu': counts.cpu, 'worker-gpu': 1 };
  const roles = PARTS[role].flatMap((part) => Array<typeof part>(countOf[part]).fill(part));
  // A port that a test names is that of the front: its processes could not share one.
  const { PORT: port = '0' } = env;
  const own = { ...env, PORT: '0' };
  const started = await Promise.allSettled(roles.map((part) => startRoleProcess(part, own)));
  const processes = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const end = (): Promise<(number | null)[]> =>
    Promise.all(processes.map((child) => child.terminate()));
  const refused = started.find((one) => one.status === 'rejected');
  if (refused) {
    await end();
    throw refused.reason;
  }
  const [first, ...rest] = processes.flatMap(({ url }) => url ?? []);
  const front =
    first === undefined
      ? undefined
      : await startReverseProxy({ target: [first, ...rest], keepHost: true, port: Number(port) });
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    const codes = await end();
    await front?.close();
    if (codes.some((code) => code !== 0))
      throw new Error(
        `processes of the stack (${roles.join(', ')}) ended with ${codes.join(', ')}`,
      );
  };
  return {
    url: front?.url,
    // A process that ended too early shows when the stack stops.
    failed: new Promise(() => undefined),
    stop: () => (stopping ??= stop()),
  };
}
