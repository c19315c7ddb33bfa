import { Context } from '@temporalio/activity';
import type { CallbackSecrets } from '../db/callback-secrets.ts';
import type { CallbackStore, NextDelivery, TryOutcome } from '../db/callbacks.ts';
import {
  askedWaitMs,
  GIVE_UP_AFTER_MS,
  messageIdOf,
  waitBeforeRetryMs,
} from '../domain/callback.ts';
import { isOrchestratorError, messageOf } from '../errors.ts';
import type { Outgoing } from '../net/outgoing.ts';
import { signWebhook } from '../net/webhook-signature.ts';
import type { Logger, Metrics } from '../ports.ts';
import type { CallbackActivities } from './activity-types.ts';
import { withActivityFailures } from './failures.ts';
import { startPulse } from './pulse.ts';
import { storableText } from './storable-text.ts';

export interface CallbackDeps {
  readonly store: CallbackStore;
  readonly secrets: Pick<CallbackSecrets, 'list'>;
  readonly outgoing: Pick<Outgoing, 'post'>;
  /** What is sent: JSON text, the same for every try. */
  readonly render: (delivery: NextDelivery) => string;
  /** From the look-up of the name to the last byte of the answer. */
  readonly timeoutMs: number;
  /** Milliseconds before the next try. (Default: waitBeforeRetryMs) */
  readonly retryWaitMs?: typeof waitBeforeRetryMs;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** After this long the rest is left to the next turn, so that a turn ends well before its time limit. */
const TURN_MS = 30_000;
const ERROR_LENGTH = 500;
/** Statuses whose `Retry-After` counts: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3 and RFC 6585, section 4. */
const MAY_ASK_TO_WAIT: readonly number[] = [429, 503];

/**
 * Sends a stream's pending deliveries in order, up to the first that fails. Repeating it repeats at most the one that was
 * under way when a worker died, with the same webhook-id; a receiver's failure is an outcome and costs no retry.
 */
export const createCallbackActivities = (deps: CallbackDeps): CallbackActivities =>
  withActivityFailures<CallbackActivities>({
    async deliverCallbacks({ streamId, now }) {
      const context = Context.current();
      const pulse = startPulse(() => context.heartbeat());
      const startedAt = performance.now();
      try {
        for (;;) {
          const next = await deps.store.findNext(streamId);
          if (!next) {
            await deps.store.settle(streamId);
            return { outcome: 'done' };
          }
          // The worker that noted this may have died before Temporal heard of it, or the run was ended and began anew.
          if (next.dueInMs > 0) return { outcome: 'failed', waitMs: next.dueInMs };
          const outcome = await tryOnce(deps, next, now, context.cancellationSignal);
          await deps.store.noteTry(next, outcome);
          note(deps, next, outcome);
          if (outcome.waitMs !== undefined) return { outcome: 'failed', waitMs: outcome.waitMs };
          if (performance.now() - startedAt > TURN_MS) return { outcome: 'more' };
        }
      } finally {
        pulse.stop();
      }
    },
  });

async function tryOnce(
  deps: CallbackDeps,
  next: NextDelivery,
  now: string,
  signal: AbortSignal,
): Promise<TryOutcome> {
  const body = deps.render(next);
  const secrets = await deps.secrets.list(next.tenant);
  const signed = signWebhook(
    secrets.map(({ secret }) => secret),
    { id: messageIdOf(next.streamId, next.number, next.event), at: new Date(), body },
  );
  const failed = (error: string, status?: number, askedMs = 0): TryOutcome => {
    const seen = { error: storableText(error, ERROR_LENGTH), ...(status ? { status } : {}) };
    const leftMs = next.askedAt.getTime() + GIVE_UP_AFTER_MS - Date.parse(now);
    if (leftMs <= 0) return { state: 'dead', ...seen };
    const spread = Math.random();
    const ownMs = (deps.retryWaitMs ?? waitBeforeRetryMs)(next.triesSinceAsked + 1, spread);
    return {
      state: 'pending',
      ...seen,
      waitMs: Math.max(ownMs, askedWaitMs(askedMs, leftMs, spread)),
    };
  };
  try {
    const { status, retryAfterMs } = await deps.outgoing.post(next.url, {
      headers: { 'content-type': 'application/json', ...signed },
      body,
      totalMs: deps.timeoutMs,
      idleMs: deps.timeoutMs,
      signal,
    });
    if (status >= 200 && status < 300) return { state: 'delivered', status };
    // https://www.standardwebhooks.com: a receiver that answers 410 wants to hear no more.
    if (status === 410)
      return { state: 'dead', status, error: 'The receiver answered 410: it is gone for good.' };
    const redirected = status >= 300 && status < 400 ? '; redirects are not followed' : '';
    if (retryAfterMs === undefined || !MAY_ASK_TO_WAIT.includes(status))
      return failed(`The receiver answered ${status}${redirected}.`, status);
    const asked = `The receiver answered ${status} and asked for no try within ${Math.ceil(retryAfterMs / 1_000)} s.`;
    return failed(asked, status, retryAfterMs);
  } catch (error) {
    // The worker stops: another one sends it again, and the receiver knows it by its id.
    if (signal.aborted) throw error;
    if (isOrchestratorError(error) && error.code === 'url_refused')
      return { state: 'dead', error: storableText(messageOf(error), ERROR_LENGTH) };
    return failed(messageOf(error));
  }
}

function note(
  { logger, metrics }: CallbackDeps,
  next: NextDelivery,
  { state, status, error }: TryOutcome,
): void {
  metrics.count('callbackTries', { outcome: state === 'pending' ? 'failed' : state });
  if (state !== 'dead') return;
  // Without the path: it may be a secret.
  const receiver = new URL(next.url).origin;
  logger.warn(
    { jobId: next.job.id, number: next.number, receiver, status, error },
    'callback given up; POST …/callbacks/{number}/redeliver sends it once more',
  );
}
