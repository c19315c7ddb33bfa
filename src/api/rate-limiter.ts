import type { RequestWindows } from '../db/request-windows.ts';
import type { Logger } from '../ports.ts';
import { messageOf } from '../errors.ts';

/** What a request is told of its limit. */
export interface RateVerdict {
  readonly isAllowed: boolean;
  readonly limit: number;
  /** As far as this process knows. */
  readonly remaining: number;
  /** Whole seconds until the window ends, at least 1. */
  readonly resetSeconds: number;
}

export interface RateLimiter {
  /** Counts a request of the subject, which may make `limit` in a window. */
  count(subject: string, limit: number): Promise<RateVerdict>;
  /** Gives back what is left. */
  close(): Promise<void>;
}

export interface RateLimiterDeps {
  readonly windows: RequestWindows;
  readonly logger: Logger;
  /** Steady milliseconds. */
  readonly now: () => number;
}

export const WINDOW_SECONDS = 60;
/** A process takes this part of the limit at a time, so that most requests write nothing. */
const SHARE = 1 / 20;
const MOST_AT_ONCE = 50;
/** What a process took and does not use goes back to the others. */
const IDLE_MS = 3_000;
/** After a refusal the row is not asked again for so long: the others may have given something back by then. */
const REFUSED_MS = 500;

/** This process's part of a window. */
interface Part {
  window: string;
  endsAt: number;
  tokens: number;
  /** What nobody had taken when the row was last asked. */
  left: number;
  usedAt: number;
  askAgainAt: number;
  waiting: number;
  asking: Promise<void> | undefined;
}

/**
 * Limits requests over all API processes without a write for each: a process takes several from the shared window at a
 * time, uses them before the window ends, and gives back what it does not need. What is used was taken before, so all
 * processes together never allow more than the limit in a window.
 */
export function createRateLimiter({ windows, logger, now }: RateLimiterDeps): RateLimiter {
  const parts = new Map<string, Part>();
  let sweeping: NodeJS.Timeout | undefined;

  const partOf = (subject: string): Part => {
    const known = parts.get(subject);
    if (known) return known;
    const part: Part = {
      ...{ window: '', endsAt: 0, tokens: 0, left: 0, usedAt: 0, askAgainAt: 0, waiting: 0 },
      asking: undefined,
    };
    parts.set(subject, part);
    sweeping ??= setInterval(sweep, IDLE_MS / 2).unref();
    return part;
  };

  const ask = async (subject: string, limit: number, part: Part): Promise<void> => {
    const wanted = Math.max(part.waiting, Math.min(MOST_AT_ONCE, Math.floor(limit * SHARE)));
    // Before the question: so the window is over here no later than in the database.
    const askedAt = now();
    const grant = await windows.take(subject, limit, wanted, WINDOW_SECONDS);
    part.window = grant.window;
    part.endsAt = askedAt + grant.endsInMs;
    part.tokens = grant.granted;
    part.left = grant.left;
    part.askAgainAt = grant.granted > 0 ? 0 : Math.min(part.endsAt, now() + REFUSED_MS);
  };

  const verdict = (part: Part, limit: number, isAllowed: boolean): RateVerdict => ({
    isAllowed,
    limit,
    remaining: isAllowed ? Math.min(limit, part.left + part.tokens) : 0,
    resetSeconds: Math.max(1, Math.ceil((part.endsAt - now()) / 1_000)),
  });

  const giveBack = async (subject: string, part: Part): Promise<void> => {
    const { tokens, window } = part;
    // First of all: what is given back must not be used.
    part.tokens = 0;
    if (tokens === 0 || now() >= part.endsAt) return;
    try {
      await windows.giveBack(subject, window, tokens);
    } catch (error) {
      logger.debug({ error: messageOf(error) }, 'unused requests of a window were not given back');
    }
  };

  function sweep(): void {
    for (const [subject, part] of parts) {
      if (part.asking || now() - part.usedAt < IDLE_MS) continue;
      void giveBack(subject, part);
      if (now() >= part.endsAt) parts.delete(subject);
    }
    if (parts.size > 0) return;
    clearInterval(sweeping);
    sweeping = undefined;
  }

  return {
    async count(subject, limit) {
      const part = partOf(subject);
      part.waiting += 1;
      part.usedAt = now();
      try {
        for (;;) {
          const isOpen = now() < part.endsAt;
          if (isOpen && part.tokens > 0) {
            part.tokens -= 1;
            return verdict(part, limit, true);
          }
          if (isOpen && now() < part.askAgainAt) return verdict(part, limit, false);
          part.asking ??= ask(subject, limit, part).finally(() => {
            part.asking = undefined;
          });
          await part.asking;
        }
      } finally {
        part.waiting -= 1;
      }
    },

    async close() {
      clearInterval(sweeping);
      await Promise.all([...parts].map(([subject, part]) => giveBack(subject, part)));
    },
  };
}
