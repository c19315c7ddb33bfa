/** A process that runs bare workflows: `bare-worker.ts <address> <namespace>`. */
import { fileURLToPath } from 'node:url';
import { NativeConnection, Worker } from '@temporalio/worker';
import { untilSignal } from '../src/lifecycle.ts';
import { silentLogger } from '../src/telemetry.ts';
import { installRuntime, runWorkers } from '../src/workers/temporal-workers.ts';
import { BARE_QUEUES } from './bare-queues.ts';

const [address = '', namespace = ''] = process.argv.slice(2);
const nothing = async (): Promise<void> => undefined;
const activities = { claim: nothing, prepare: nothing, submit: nothing, collect: nothing };

const signal = untilSignal(silentLogger);
installRuntime(silentLogger);
const connection = await NativeConnection.connect({ address });
const workers = await Promise.all([
  Worker.create({
    connection,
    namespace,
    taskQueue: BARE_QUEUES.cpuQueue,
    workflowsPath: fileURLToPath(new URL('./bare-workflow.ts', import.meta.url)),
    activities,
  }),
  Worker.create({ connection, namespace, taskQueue: BARE_QUEUES.gpuQueue, activities }),
]);
const running = runWorkers(workers);
process.send?.({ ready: true });
await Promise.race([signal, running.finished]);
await running.close();
await connection.close();
if (process.connected) process.disconnect();
