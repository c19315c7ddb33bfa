import type { ClaimInput } from '../activities/activity-types.ts';
import type { Lease } from '../domain/job.ts';
import type { JobNeeds } from '../domain/job-needs.ts';
import { overtake, type WaitingClaim } from '../domain/placement.ts';

/** What a waiting claim has behind it; a later try of the same claim goes on with it. */
export interface ClaimWait {
  readonly enteredAtMs: number;
  readonly overtaken: number;
  readonly overtakenAtMs?: number;
}

export interface ClaimRequest extends ClaimInput {
  readonly runId: string;
  readonly scheduledAtMs: number;
  /** When its workflow asks for it anew, or the job expires. */
  readonly untilMs: number;
  /** What an earlier try told of its wait. */
  readonly earlier?: ClaimWait;
}

/** A claim in the window of a placer. */
export interface Waiting extends Callbacks {
  readonly jobId: string;
  readonly request: ClaimRequest;
  readonly enteredAtMs: number;
  needs: JobNeeds;
  claim: Omit<WaitingClaim, 'servers'>;
}

interface Callbacks {
  runIndex: number;
  needs: JobNeeds;
  readonly onWait: (wait: ClaimWait) => void;
  resolve(lease: Lease): void;
  reject(error: unknown): void;
}

/** The claims that wait in this process, in the order in which they came, and how often each was overtaken. */
export function createWaitingClaims() {
  const waiting = new Map<string, Waiting>();
  let lastOrder = 0;
  /** Claims of one millisecond keep the order in which they came, also when the clock is set back. */
  const orderOf = (enteredAtMs: number, isNew: boolean): number => {
    const order = isNew ? Math.max(enteredAtMs, lastOrder + 0.001) : enteredAtMs;
    lastOrder = Math.max(lastOrder, order);
    return order;
  };
  const tell = ({ claim, enteredAtMs, onWait }: Waiting): void => {
    const { overtaken, overtakenAtMs } = claim;
    onWait({ enteredAtMs, overtaken, ...(overtakenAtMs === undefined ? {} : { overtakenAtMs }) });
  };
  const has = (entry: Waiting): boolean => waiting.get(entry.claim.key) === entry;

  return {
    has,
    find: (key: string): Waiting | undefined => waiting.get(key),
    all: (): Waiting[] => [...waiting.values()],

    /** Another try of the same attempt takes the place of the one before. */
    enter(request: ClaimRequest, callbacks: Callbacks): Waiting {
      const { jobId, runId, attempt, priority, tenant, earlier } = request;
      const { enteredAtMs = Date.now(), overtaken = 0, overtakenAtMs } = earlier ?? {};
      const claim = {
        ...{ key: `${runId}/${attempt}`, priority, tenant, overtaken, overtakenAtMs },
        order: orderOf(enteredAtMs, earlier === undefined),
        model: callbacks.needs.model,
      };
      const entry = { ...callbacks, jobId, request, enteredAtMs, claim };
      waiting.set(claim.key, entry);
      tell(entry);
      return entry;
    },

    leave(entry: Waiting): void {
      if (has(entry)) waiting.delete(entry.claim.key);
    },

    noteOvertaken(keys: readonly string[], nowMs: number, by: Pick<WaitingClaim, 'tenant'>): void {
      for (const key of keys) {
        const entry = waiting.get(key);
        if (!entry) continue;
        entry.claim = overtake(entry.claim, nowMs, by);
        tell(entry);
      }
    },
  };
}
