/** What the workflow of callbacks does when it is told something at an awkward moment; the activity is a fake. */
import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { createCallbackRuns } from '../../src/client/callback-runs.ts';
import { connectTemporal } from '../../src/client/temporal.ts';
import { loadConfig } from '../../src/config.ts';
import type { CallbackTurn } from '../../src/domain/callback.ts';
import { CALLBACK_QUEUE, CPU_QUEUE, callbackWorkflowId } from '../../src/domain/naming.ts';
import { silentLogger } from '../../src/telemetry.ts';
import {
  installRuntime,
  runWorkers,
  type RunningWorkers,
} from '../../src/workers/temporal-workers.ts';
import { workflowCode } from '../../src/workers/workflow-code.ts';
import { createTestNamespace } from '../support/stack.ts';
import { until } from '../support/until.ts';

const LONG_MS = 3_600_000;

let client: Client;
let connection: NativeConnection;
let running: RunningWorkers;
/** Turns that wait for the test to say what came of them. */
let turns: ((turn: CallbackTurn) => void)[] = [];
let begun = 0;

const deliverCallbacks = (): Promise<CallbackTurn> => {
  begun += 1;
  return new Promise((resolve) => turns.push(resolve));
};

beforeAll(async () => {
  installRuntime(silentLogger);
  const address = inject('temporalAddress');
  const namespace = await createTestNamespace(address);
  connection = await NativeConnection.connect({ address });
  const config = loadConfig({ TEMPORAL_NAMESPACE: namespace });
  client = connectTemporal({ ...config, TEMPORAL_ADDRESS: address });
  running = runWorkers(
    await Promise.all([
      Worker.create({ connection, namespace, taskQueue: CPU_QUEUE, ...workflowCode() }),
      Worker.create({
        ...{ connection, namespace, taskQueue: CALLBACK_QUEUE },
        activities: { deliverCallbacks },
      }),
    ]),
  );
});
afterAll(async () => {
  for (const end of turns) end({ outcome: 'done' });
  await running.close();
  await connection.close();
  await client.connection.close();
});
beforeEach(() => {
  turns = [];
  begun = 0;
});

const start = async () => {
  const input = { streamId: randomUUID(), tenant: 'local' };
  const runs = createCallbackRuns(client);
  const tell = (isUrgent = false): Promise<void> => runs.tell(input, isUrgent);
  await tell();
  const handle = client.workflow.getHandle(callbackWorkflowId(input.streamId));
  const signals = async (): Promise<number> => {
    const { events } = await handle.fetchHistory();
    return events?.filter((event) => event.workflowExecutionSignaledEventAttributes).length ?? 0;
  };
  return { tell, handle, signals };
};

const turn = (number: number): Promise<(turn: CallbackTurn) => void> =>
  until(`turn ${number} has begun`, () => (begun === number ? turns[number - 1] : undefined));

const stateOf = async (handle: Awaited<ReturnType<typeof start>>['handle']): Promise<string> =>
  (await handle.describe()).status.name;

describe('the workflow of callbacks', () => {
  it('looks again when it was told something while it looked', async () => {
    const { tell, handle } = await start();
    const endFirst = await turn(1);
    await tell();
    endFirst({ outcome: 'done' });
    (await turn(2))({ outcome: 'done' });
    await handle.result();
    expect(begun).toBe(2);
  });

  it('goes on at once while more is left', async () => {
    const { handle } = await start();
    (await turn(1))({ outcome: 'more' });
    (await turn(2))({ outcome: 'done' });
    await handle.result();
  });

  it('keeps the pause after a failure although more comes, and ends it when it shall not wait', async () => {
    const { tell, handle, signals } = await start();
    (await turn(1))({ outcome: 'failed', waitMs: LONG_MS });
    await until('it sleeps', async () => {
      const { events } = await handle.fetchHistory();
      return events?.some((event) => event.timerStartedEventAttributes);
    });
    await tell();
    await until('it was told', async () => (await signals()) === 2);
    expect(await stateOf(handle)).toBe('RUNNING');
    expect(begun).toBe(1);
    await tell(true);
    (await turn(2))({ outcome: 'done' });
    await handle.result();
  });

  it('is started again by whatever comes after its end', async () => {
    const { tell, handle } = await start();
    (await turn(1))({ outcome: 'done' });
    await handle.result();
    await tell();
    (await turn(2))({ outcome: 'done' });
    await until('the second run has ended', async () => (await stateOf(handle)) === 'COMPLETED');
  });
});
