import type { Evidence, JobExecution } from './evidence.ts';
import type { Outage } from './journal.ts';
import { gpuWorkerOf, linkTo, simulatorOf } from './schedule.ts';

/** A job that a GPU worked on again. */
export interface Rerun {
  readonly jobId: string;
  readonly before: JobExecution;
  readonly after: JobExecution;
  /** Why that was right; absent when nothing proves it. */
  readonly proof: string | undefined;
}

/** What the product needs to notice a return: its longest pause between two tries. */
const RETRY_PAUSE_MS = 5_000;

/** Executions come oldest first. Every execution of a job after its first, with the proof that the one before could not be had. */
export function findReruns(
  evidence: Pick<Evidence, 'executions' | 'boots' | 'outages'>,
  lostAfterMs: number,
): Rerun[] {
  const newest = new Map<string, JobExecution>();
  return evidence.executions.flatMap((after) => {
    const { jobId } = after;
    const before = newest.get(jobId);
    newest.set(jobId, after);
    if (!before) return [];
    return [{ jobId, before, after, proof: proofOf(before, after, evidence, lostAfterMs) }];
  });
}

function proofOf(
  before: JobExecution,
  after: JobExecution,
  { boots, outages }: Pick<Evidence, 'boots' | 'outages'>,
  lostAfterMs: number,
): string | undefined {
  // The same process was given the same prompt twice: nothing excuses that.
  if (before.promptId === after.promptId && before.bootId === after.bootId) return undefined;
  const boot = boots.find(
    ({ server, bootId, atMs }) =>
      server === before.server &&
      bootId !== before.bootId &&
      atMs > before.startMs &&
      atMs < after.startMs,
  );
  if (boot && !before.hasFile)
    return `${before.server} was restarted ${seconds(boot.atMs - before.startMs)} after it began; no whole file is left`;
  const { awayMs, parts } = longestAway(before.server, outages, before.startMs, after.startMs);
  if (awayMs >= lostAfterMs - RETRY_PAUSE_MS)
    return `${before.server} could not be reached for ${seconds(awayMs)} (${parts.join(', ')})`;
  return undefined;
}

/** The longest unbroken time without an answer of the server: itself, its link, its worker or the engine away. */
function longestAway(
  server: string,
  outages: readonly Outage[],
  fromMs: number,
  toMs: number,
): { readonly awayMs: number; readonly parts: readonly string[] } {
  const between = [simulatorOf(server), linkTo(server), gpuWorkerOf(server), 'temporal'];
  const spans = outages
    .filter(({ part }) => between.includes(part))
    .map((outage) => ({ ...outage, toMs: Math.min(outage.toMs ?? toMs, toMs) }))
    .filter((span) => span.toMs > fromMs && span.fromMs < toMs)
    .sort((a, b) => a.fromMs - b.fromMs);
  let longest = { awayMs: 0, parts: [] as string[] };
  let current: { fromMs: number; toMs: number; parts: string[] } | undefined;
  for (const span of spans) {
    // A worker that comes back has to poll and try before it hears of the server.
    if (current && span.fromMs <= current.toMs + RETRY_PAUSE_MS) {
      current.toMs = Math.max(current.toMs, span.toMs);
      current.parts.push(`${span.part} ${span.what}`);
    } else current = { fromMs: span.fromMs, toMs: span.toMs, parts: [`${span.part} ${span.what}`] };
    const awayMs = current.toMs - current.fromMs;
    if (awayMs > longest.awayMs) longest = { awayMs, parts: [...current.parts] };
  }
  return longest;
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
