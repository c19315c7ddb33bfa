import { condition, continueAsNew, defineSignal, setHandler } from '@temporalio/workflow';
import type { CallbackInput } from '../domain/callback.ts';
import { DELIVER_SIGNAL } from '../domain/naming.ts';
import { callbackProxy } from './proxies.ts';

const deliver = defineSignal<[boolean?]>(DELIVER_SIGNAL);

/** About 12 events each: a history stays below 300. */
const TURNS_PER_RUN = 20;

/**
 * Sends what a stream has to send, in order: nothing overtakes a delivery that failed and waits. The rows say what there
 * is; the workflow is the clock and the memory that somebody has to go on. It ends when all is sent, and is started again
 * by whatever comes next.
 */
export async function callbackWorkflow(input: CallbackInput): Promise<void> {
  let told = false;
  let urgent = false;
  setHandler(deliver, (isUrgent) => {
    told = true;
    if (isUrgent) urgent = true;
  });
  for (let turn = 0; turn < TURNS_PER_RUN; turn += 1) {
    told = false;
    urgent = false;
    const result = await callbackProxy(input).deliverCallbacks({
      ...input,
      now: new Date().toISOString(),
    });
    if (result.outcome === 'failed') await condition(() => urgent, result.waitMs);
    // Told in between: what it is about may have been written after the last look.
    else if (result.outcome === 'done' && !told) return;
  }
  await continueAsNew<typeof callbackWorkflow>(input);
}
