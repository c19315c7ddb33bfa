import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { isDatabaseUnavailable } from '../db/connect.ts';
import { isOrchestratorError, messageOf } from '../errors.ts';
import { storableText } from './storable-text.ts';

/** Temporal keeps failure messages in the history; longer ones are cut. */
const MESSAGE_LIMIT = 2_000;

/** Errors of the family become ApplicationFailures whose type is the code; unknown ones stay retryable. */
export function toActivityFailure(error: unknown): unknown {
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  const message = storableText(messageOf(error), MESSAGE_LIMIT);
  if (isOrchestratorError(error))
    return ApplicationFailure.create({
      message,
      type: error.code,
      nonRetryable: !error.retryable,
      ...(error.details ? { details: [error.details] } : {}),
    });
  if (isDatabaseUnavailable(error))
    return ApplicationFailure.retryable(
      `The database cannot be reached: ${message}`,
      'unavailable',
    );
  return ApplicationFailure.retryable(message, 'internal');
}

type AsyncFunction = (...args: never[]) => Promise<unknown>;

/** The same activities, throwing what Temporal understands. */
export function withActivityFailures<T extends Record<keyof T, AsyncFunction>>(activities: T): T {
  const wrapped = Object.entries(activities).map(([name, run]) => [
    name,
    async (...args: never[]) => {
      try {
        return await (run as AsyncFunction)(...args);
      } catch (error) {
        throw toActivityFailure(error);
      }
    },
  ]);
  return Object.fromEntries(wrapped) as T;
}
