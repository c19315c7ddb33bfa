import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { BARE_QUEUES } from './bare-queues.ts';
import type { bareWorkflow } from './bare-workflow.ts';
import { startNodeProgram, type NodeProgram } from './node-program.ts';

export interface BareRuns {
  readonly client: Client;
  readonly pid: number;
  /** Runs one bare workflow to its end and returns its id. */
  run(): Promise<string>;
  stop(): Promise<void>;
}

export interface BareRunsOptions {
  readonly name: string;
  readonly address: string;
  readonly namespace: string;
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Starts the worker of bare workflows in a process of its own, and a client for them. */
export async function startBareRuns(options: BareRunsOptions): Promise<BareRuns> {
  const { name, address, namespace, dir, env } = options;
  const worker: NodeProgram = await startNodeProgram({
    name,
    args: [
      ...['--import', import.meta.resolve('tsx')],
      ...[fileURLToPath(new URL('./bare-worker.ts', import.meta.url)), address, namespace],
    ],
    env,
    dir,
  });
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, namespace });
  return {
    client,
    pid: worker.process.pid,
    async run() {
      const workflowId = `bare-${randomUUID()}`;
      await client.workflow.execute<typeof bareWorkflow>('bareWorkflow', {
        workflowId,
        taskQueue: BARE_QUEUES.cpuQueue,
        args: [BARE_QUEUES],
        priority: { priorityKey: 3, fairnessKey: 'local' },
      });
      return workflowId;
    },
    async stop() {
      await connection.close();
      await worker.process.stop();
    },
  };
}
