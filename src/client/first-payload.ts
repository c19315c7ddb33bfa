import { defaultPayloadConverter } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';

/** The value of the first payload: what an activity was given or answered. Undefined when there is none. */
export function firstPayload<T>(
  payloads: readonly temporal.api.common.v1.IPayload[] | null | undefined,
): T | undefined {
  const payload = payloads?.[0];
  return payload ? defaultPayloadConverter.fromPayload<T>(payload) : undefined;
}
