import { messageIdOf, type CallbackEvent, type DeliveryState } from '../../src/domain/callback.ts';

/** A delivery as the database has it. */
export interface ToldEvent {
  readonly jobId: string;
  readonly number: number;
  readonly event: CallbackEvent;
  readonly state: DeliveryState;
}

/** A callback as its receiver has it, in the order of arrival. */
export interface Arrival {
  readonly id: string;
  readonly text: string;
  readonly isAccepted: boolean;
}

export interface CallbackEvidence {
  readonly told: readonly ToldEvent[];
  readonly arrivals: readonly Arrival[];
}

/** Each event of each job exactly in order, none lost, none that nobody wrote; an arrival comes again only as it was. */
export function findCallbackProblems(
  ends: ReadonlyMap<string, string>,
  { told, arrivals }: CallbackEvidence,
): string[] {
  const textOf = new Map<string, string>();
  const accepted: string[] = [];
  const problems: string[] = [];
  const written = new Set(
    told.map(({ jobId, number, event }) => messageIdOf(jobId, number, event)),
  );
  for (const { id, text, isAccepted } of arrivals) {
    if (!written.has(id)) problems.push(`callback ${id} was sent and never written`);
    if ((textOf.get(id) ?? text) !== text) problems.push(`callback ${id} came in two forms`);
    textOf.set(id, text);
    if (isAccepted && !accepted.includes(id)) accepted.push(id);
  }
  for (const [jobId, end] of ends) {
    const ofJob = told.filter((one) => one.jobId === jobId).sort((a, b) => a.number - b.number);
    const events = ofJob.map(({ event }) => event).join(', ');
    const wanted = ofJob.map(({ event }, index) => messageIdOf(jobId, index + 1, event)).join();
    const arrived = accepted.filter((id) => id.split('_')[1] === jobId);
    if (ofJob.at(-1)?.event !== end || (end === 'Succeeded' && ofJob[0]?.event !== 'Claimed'))
      problems.push(`job ${jobId} ended as ${end} and its callbacks tell ${events || 'nothing'}`);
    if (ofJob.filter(({ event }) => event !== 'Claimed').length > 1)
      problems.push(`job ${jobId} has several ends: ${events}`);
    if (arrived.join() !== wanted)
      problems.push(`job ${jobId}: callbacks arrived as ${arrived.join(', ') || 'none'}`);
    for (const { number, state } of ofJob)
      if (state !== 'delivered') problems.push(`callback ${number} of job ${jobId} is ${state}`);
  }
  return problems;
}

/** Arrivals of a callback that had arrived before. */
export const countRepeats = ({ arrivals }: CallbackEvidence): number =>
  arrivals.length - new Set(arrivals.map(({ id }) => id)).size;
