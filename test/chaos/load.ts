import { setTimeout as delay } from 'node:timers/promises';
import { HOLD_SIGNAL, RESUME_SIGNAL, jobWorkflowId } from '../../src/domain/naming.ts';
import { postJobs, SD1, type Posted } from '../support/jobs.ts';
import type { ChaosStack } from './chaos-stack.ts';
import type { JobPlan } from './schedule.ts';

/** A job that the API has accepted. */
export interface AcceptedJob {
  readonly plan: JobPlan;
  readonly jobId: string;
  /** The API has answered the DELETE with 200. */
  readonly isCancelSent: boolean;
}

export interface Load {
  readonly accepted: readonly AcceptedJob[];
  /** What the client saw and should not have: other ids for the same key, refusals. */
  readonly complaints: readonly string[];
  /** Resolves when every job is accepted and every cancel and resume is delivered. */
  readonly done: Promise<void>;
}

export interface LoadOptions {
  readonly stack: ChaosStack;
  readonly seed: number;
  readonly plans: readonly JobPlan[];
  /** Jobs that are accepted and have not ended, at most. */
  readonly inFlight: number;
  ended(): number;
  readonly signal: AbortSignal;
}

const CLIENTS = 8;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

export const requestOf = (
  { receiver }: Pick<ChaosStack, 'receiver'>,
  { prompt, seed, steps }: JobPlan,
): object => ({
  $type: 'textToImage',
  model: SD1,
  params: { prompt, seed, steps, width: 64, height: 64, cfgScale: 7, scheduler: 'EulerA' },
  callbackUrl: `${receiver.url}/hook`,
});

export const keyOf = (seed: number, plan: JobPlan): string => `chaos-${seed}-${plan.index}`;

/** Repeats a call, each time at the next API, until it gives a value. Throws the signal's reason. */
async function persist<T>(
  { stack, signal }: Pick<LoadOptions, 'stack' | 'signal'>,
  call: (url: string) => Promise<T | undefined>,
): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    signal.throwIfAborted();
    const url = stack.urls[tries % stack.urls.length] ?? '';
    const value = await call(url).catch(() => undefined);
    if (value !== undefined) return value;
    await delay(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(tries, 10)));
  }
}

/** POSTs with the job's key until an answer is final: accepted, or refused for what was asked. */
export const postPlan = (
  options: Pick<LoadOptions, 'stack' | 'signal' | 'seed'>,
  plan: JobPlan,
  body: object = requestOf(options.stack, plan),
): Promise<Posted> =>
  persist(options, async (url) => {
    const posted = await postJobs(url, body, { 'idempotency-key': keyOf(options.seed, plan) });
    return posted.status < 500 && posted.status !== 429 ? posted : undefined;
  });

/** A client that wants every job exactly once whatever happens, and changes its mind about some. */
export function startLoad(options: LoadOptions): Load {
  const { plans, stack, signal } = options;
  const accepted: AcceptedJob[] = [];
  const complaints: string[] = [];
  const later: Promise<void>[] = [];
  let next = 0;

  const submit = async (plan: JobPlan): Promise<void> => {
    const answers = await Promise.all(
      Array.from({ length: plan.isSentTwice ? 2 : 1 }, () => postPlan(options, plan)),
    );
    const ids = new Set(answers.flatMap(({ jobIds }) => jobIds));
    const [jobId] = ids;
    for (const { status, text } of answers)
      if (status !== 202) complaints.push(`POST of job ${plan.index} answered ${status}: ${text}`);
    if (ids.size !== 1)
      complaints.push(`the key of job ${plan.index} gave ${ids.size} ids: ${[...ids].join(', ')}`);
    if (jobId === undefined) return;
    const job = { plan, jobId, isCancelSent: false };
    accepted.push(job);
    if (plan.cancelAfterMs !== undefined) later.push(cancel(job, plan.cancelAfterMs));
    if (plan.holdAfterMs !== undefined) later.push(holdAndResume(jobId, plan));
  };

  const cancel = async (
    job: { -readonly [K in keyof AcceptedJob]: AcceptedJob[K] },
    afterMs: number,
  ): Promise<void> => {
    await delay(afterMs);
    job.isCancelSent = true;
    await persist(options, async (url) => {
      const answer = await fetch(`${url}/v1/consumer/jobs/${job.jobId}`, { method: 'DELETE' });
      await answer.body?.cancel();
      return answer.ok || undefined;
    });
  };

  const holdAndResume = async (jobId: string, plan: JobPlan): Promise<void> => {
    await delay(plan.holdAfterMs ?? 0);
    await signalRun(jobId, HOLD_SIGNAL);
    await delay((plan.resumeAfterMs ?? 0) - (plan.holdAfterMs ?? 0));
    await signalRun(jobId, RESUME_SIGNAL);
  };
  /** A run that is not started yet is waited for; one that is over needs no signal. */
  const signalRun = (jobId: string, name: string): Promise<unknown> =>
    persist(options, async () => {
      const [row] = await stack.sql<{ ended: boolean }[]>`
        select finished_at is not null as ended from jobs where id = ${jobId}`;
      if (row?.ended) return true;
      const handle = stack.client.workflow.getHandle(jobWorkflowId(jobId));
      await stack.client.connection.withDeadline(Date.now() + 5_000, () => handle.signal(name));
      return true;
    });

  const work = async (): Promise<void> => {
    for (let plan = plans[next++]; plan !== undefined; plan = plans[next++]) {
      while (accepted.length - options.ended() >= options.inFlight) {
        signal.throwIfAborted();
        await delay(50);
      }
      await submit(plan);
    }
  };
  const done = Promise.all(Array.from({ length: CLIENTS }, work)).then(async () => {
    await Promise.all(later);
  });
  return { accepted, complaints, done };
}
