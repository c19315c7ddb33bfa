/** Each process killed (-9) at one named moment of a job: before, between and after the stages. See kill-switch.ts. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Role } from '../../src/commands/role.ts';
import { createBitmap } from '../../src/executors/simulator/picture/bitmap.ts';
import { encodePng } from '../../src/executors/simulator/picture/encode-png.ts';
import {
  executionsOf,
  leasesOf,
  pictureRequest,
  postJobs,
  promptsOn,
  rowOf,
  untilDrawing,
  untilState,
} from '../support/jobs.ts';
import { untilServerKnown } from '../support/server-known.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';
import { startRoleProcess, type RoleProcess } from '../support/worker-process.ts';
import { lastingPort } from '../support/lasting-port.ts';

/** A heartbeat or workflow task timeout (10 s) and the start of workers, on a busy machine. */
const RECOVERY_MS = 90_000;
const BODY = pictureRequest();

interface Moment {
  readonly name: string;
  readonly role: 'worker-cpu' | 'worker-gpu';
  readonly killAt: string;
  /** (Default: a picture) */
  readonly body?: (stack: TestStack) => Promise<object>;
}

/** A job with an input file, which the simulator itself serves. */
async function transformation({ simulator }: TestStack): Promise<object> {
  const form = new FormData();
  const picture = Buffer.from(await encodePng(createBitmap(32, 32, [9, 90, 200]), {}));
  form.set('image', new File([picture], 'source.png'));
  await fetch(`${simulator.url}/upload/image`, { method: 'POST', body: form });
  const imageUrl = `${simulator.url}/view?filename=source.png&type=input`;
  return { $type: 'imageTransform', transformer: 'Canny', imageUrl };
}

const MOMENTS: readonly Moment[] = [
  { name: 'before the lease is written', role: 'worker-cpu', killAt: 'sent:from grant_lease(' },
  { name: 'when the lease is written', role: 'worker-cpu', killAt: 'answered:from grant_lease(' },
  { name: 'before prepare notes its graph', role: 'worker-cpu', killAt: 'sent:prompt_request =' },
  { name: 'before finish writes the end', role: 'worker-cpu', killAt: 'sent:with freed as' },
  { name: 'when finish has written the end', role: 'worker-cpu', killAt: 'answered:with freed as' },
  { name: 'before POST /prompt is sent', role: 'worker-gpu', killAt: 'sent:POST /prompt' },
  { name: 'when POST /prompt is answered', role: 'worker-gpu', killAt: 'answered:POST /prompt' },
  {
    name: 'before the picture is fetched',
    role: 'worker-gpu',
    killAt: 'sent:GET /view?filename=r1',
  },
  {
    name: 'while the picture is fetched',
    role: 'worker-gpu',
    killAt: 'answered:GET /view?filename=r1',
  },
  { name: 'when the picture is stored', role: 'worker-gpu', killAt: 'stored:outputs' },
  {
    name: 'when an input file is stored',
    role: 'worker-cpu',
    killAt: 'stored:inputs',
    body: transformation,
  },
  {
    name: 'before an input file is uploaded',
    role: 'worker-gpu',
    killAt: 'sent:name="subfolder"',
    body: transformation,
  },
  {
    name: 'when an input file is uploaded',
    role: 'worker-gpu',
    killAt: 'answered:name="subfolder"',
    body: transformation,
  },
];

/** Each has a stack of its own and mostly waits for time-outs; more side by side only starve each other. */
const AT_A_TIME = 3;
let running = 0;
const inTurn = async (run: () => Promise<void>): Promise<void> => {
  await until('there is a place', () => running < AT_A_TIME, 20 * RECOVERY_MS);
  running += 1;
  await run().finally(() => (running -= 1));
};

/** A stack whose other role runs in this process, with the one that is to be killed beside it. */
const withVictim = (
  { role, killAt }: Pick<Moment, 'role' | 'killAt'>,
  run: (stack: TestStack, victim: RoleProcess, replace: () => Promise<unknown>) => Promise<void>,
  stepMs = 50,
): Promise<void> =>
  inTurn(async () => {
    const env = { OUTGOING_ALLOW: '127.0.0.1' };
    const stack = await startTestStack({ role: 'api', env, simulator: { stepMs } });
    const other: Role = role === 'worker-cpu' ? 'worker-gpu' : 'worker-cpu';
    let victim: RoleProcess | undefined;
    try {
      await stack.serve(other);
      victim = await startRoleProcess(role, stack.env, undefined, { killAt });
      await untilServerKnown(stack);
      await run(stack, victim, () => stack.serve(role));
    } finally {
      await victim?.kill();
      await stack.stop();
    }
  });

describe.concurrent('a worker killed', () => {
  it.each(MOMENTS)(
    '$name ($role): the job is drawn once and ends well',
    { timeout: 20 * RECOVERY_MS },
    async (moment) => {
      await withVictim(moment, async (stack, victim, replace) => {
        const body = (await moment.body?.(stack)) ?? BODY;
        const { jobIds } = await postJobs(stack.url, body);
        const jobId = jobIds[0] ?? '';
        await victim.ended;
        await replace();
        const row = await untilState(stack, jobId, 'succeeded', RECOVERY_MS);
        expect(row.attempt).toBe(1);
        expect(row.outputs).toHaveLength(1);
        expect(executionsOf(stack.simulator, jobId).map(({ outcome }) => outcome)).toEqual([
          'success',
        ]);
        await until('no lease is left', async () => (await leasesOf(stack, jobId)).length === 0);
      });
    },
  );

  it.each([
    ['before it takes the prompt out of the queue', 'sent:POST /queue'],
    ['before it interrupts the prompt', 'sent:POST /interrupt'],
  ])(
    'while it cancels, %s: the job is canceled and the prompt goes',
    { timeout: 20 * RECOVERY_MS },
    async (_moment, killAt) => {
      await withVictim(
        { role: 'worker-gpu', killAt },
        async (stack, victim, replace) => {
          const { jobIds } = await postJobs(stack.url, pictureRequest(150));
          const jobId = jobIds[0] ?? '';
          await untilDrawing(stack, jobId);
          await fetch(`${stack.url}/v1/consumer/jobs/${jobId}`, { method: 'DELETE' });
          await victim.ended;
          await untilState(stack, jobId, 'canceled', RECOVERY_MS);
          await replace();
          await until(
            'the server is free',
            async () => {
              const { running, pending } = await promptsOn(stack.simulator.url);
              return running.length + pending.length === 0;
            },
            RECOVERY_MS,
          );
          await until('its room is free', async () => (await leasesOf(stack, jobId)).length === 0);
          expect((await rowOf(stack, jobId)).outputs).toBeNull();
        },
        1_000,
      );
    },
  );
});

describe('the api killed', () => {
  it.each([
    ['before the job is stored', 'sent:insert into jobs', 0],
    ['when the job is stored and before it answers', 'sent:HTTP/1.1 202', 1],
    ['before it notes that Temporal has the job', 'sent:update jobs set started_at', 1],
  ])(
    '%s: the same request again leads to one job, drawn once',
    { timeout: 20 * RECOVERY_MS },
    async (_moment, killAt, stored) => {
      const stack = await startTestStack({ role: 'none', simulator: { stepMs: 20 } });
      const port = String(await lastingPort());
      const victim = await startRoleProcess('api', { ...stack.env, PORT: port }, undefined, {
        killAt,
      });
      try {
        const key = { 'idempotency-key': randomUUID() };
        // Sent without waiting for more than the end of one of the two.
        await Promise.race([
          postJobs(`http://127.0.0.1:${port}`, BODY, key).catch(() => undefined),
          victim.ended,
        ]);
        await victim.ended;
        expect((await stack.sql`select from jobs`).count).toBe(stored);
        const { url = '' } = await stack.serve('monolith');
        const again = await postJobs(url, BODY, key);
        expect(again.status).toBe(202);
        expect(again.headers.get('idempotent-replayed')).toBe(stored === 1 ? 'true' : null);
        const jobId = again.jobIds[0] ?? '';
        await untilState(stack, jobId, 'succeeded', RECOVERY_MS);
        expect((await stack.sql`select from jobs`).count).toBe(1);
        expect(executionsOf(stack.simulator, jobId)).toHaveLength(1);
      } finally {
        await victim.kill();
        await stack.stop();
      }
    },
  );
});
