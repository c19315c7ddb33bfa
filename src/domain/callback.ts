import type { EventType } from './job.ts';

/** Events that a callback is sent for unless its job names others: the claim and the end. */
export const DEFAULT_CALLBACK_EVENTS = [
  'Claimed',
  'Succeeded',
  'Failed',
  'Expired',
  'Deleted',
] as const satisfies readonly EventType[];

/** All that can be asked for. */
export const CALLBACK_EVENTS = [
  'Initialized',
  'Updated',
  ...DEFAULT_CALLBACK_EVENTS,
] as const satisfies readonly EventType[];
export type CallbackEvent = (typeof CALLBACK_EVENTS)[number];

/** `dead`: given up after three days, or at once where no further try would help. */
export const DELIVERY_STATES = ['pending', 'delivered', 'dead'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** What a job's submitter wants to be told, and where. */
export interface CallbackRequest {
  readonly url: string;
  /** (Default: the claim and the end) */
  readonly events?: readonly CallbackEvent[];
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
/** Quick first, because most troubles are a restart; capped, because a receiver that is back shall not wait long. */
const WAITS_MS = [
  5 * SECOND_MS,
  15 * SECOND_MS,
  MINUTE_MS,
  3 * MINUTE_MS,
  10 * MINUTE_MS,
  20 * MINUTE_MS,
  30 * MINUTE_MS,
] as const;

/** A delivery that fails for so long is given up. */
export const GIVE_UP_AFTER_MS = 3 * 24 * 60 * MINUTE_MS;

/**
 * Milliseconds until the next try after `tries` failed ones (1 or more). `spread` (0 to 1) moves it by up to a tenth, so
 * that deliveries that failed together do not come back together.
 */
export function waitBeforeRetryMs(tries: number, spread: number): number {
  const wait = WAITS_MS[Math.min(tries, WAITS_MS.length) - 1] ?? WAITS_MS[0];
  return Math.round(wait * (0.95 + spread / 10));
}

/** A receiver that asks for more with `Retry-After` is tried again all the same: it may be back long before. */
const LONGEST_ASKED_WAIT_MS = 6 * 60 * MINUTE_MS;

/**
 * Milliseconds until the next try when the receiver asked for `askedMs` and `leftMs` are left until the delivery is given
 * up: not before what was asked for, as far as that is neither too long nor later than the last try. `spread` (0 to 1)
 * adds up to a tenth, because whoever is busy asks the same of many.
 */
export function askedWaitMs(askedMs: number, leftMs: number, spread: number): number {
  const asked = Math.min(askedMs, LONGEST_ASKED_WAIT_MS) * (1 + spread / 10);
  return Math.round(Math.max(0, Math.min(asked, leftMs)));
}

/**
 * Stable over all tries of a delivery: a receiver knows by it what it had already. With the event in it, because a
 * database that is restored from a backup may give a number to another event.
 */
export const messageIdOf = (streamId: string, number: number, event: string): string =>
  `msg_${streamId}_${number}_${event}`;

/** Input of `callbackWorkflow`: what is sent and where to is in the rows. */
export interface CallbackInput {
  readonly streamId: string;
  readonly tenant: string;
}

/** What became of a turn: all is sent, more is left, or the first of it failed, or is not due, and waits. */
export type CallbackTurn =
  | { readonly outcome: 'done' }
  | { readonly outcome: 'more' }
  | { readonly outcome: 'failed'; readonly waitMs: number };
