/**
 * Health check of a worker's container: `node dist/commands/check-poller.js <address> <namespace> <queue>` ends with 0
 * when a worker of this host polls the queue, else with 1 and the reason.
 */
import { hostname } from 'node:os';
import { Client, Connection } from '@temporalio/client';
import { messageOf } from '../errors.ts';

/** A poll is renewed after a minute at the latest; two missed ones mean that nobody polls. */
const RECENT_MS = 130_000;
const TIMEOUT_MS = 8_000;

async function checkPoller(address: string, namespace: string, queue: string): Promise<void> {
  const connection = await Connection.connect({ address, connectTimeout: TIMEOUT_MS });
  try {
    const client = new Client({ connection, namespace });
    const { pollers } = await connection.withDeadline(Date.now() + TIMEOUT_MS, () =>
      client.workflowService.describeTaskQueue({
        namespace,
        taskQueue: { name: queue },
        // TASK_QUEUE_TYPE_ACTIVITY: every worker of ours has activities.
        taskQueueType: 2,
      }),
    );
    // A worker's identity is `<pid>@<hostname>` unless set: https://typescript.temporal.io/api/interfaces/worker.WorkerOptions#identity
    const ours = pollers.filter((poller) => poller.identity?.endsWith(`@${hostname()}`));
    const latest = Math.max(
      ...ours.map(({ lastAccessTime }) => Number(lastAccessTime?.seconds) * 1_000),
    );
    if (Date.now() - latest > RECENT_MS)
      throw new Error(
        `no worker of ${hostname()} has polled queue ${queue} in the last two minutes`,
      );
  } finally {
    await connection.close();
  }
}

const [address, namespace, queue] = process.argv.slice(2);
if (address === undefined || namespace === undefined || queue === undefined) {
  process.stderr.write('usage: check-poller <temporal address> <namespace> <queue>\n');
  process.exitCode = 2;
} else {
  try {
    await checkPoller(address, namespace, queue);
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}
