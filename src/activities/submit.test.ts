import { Readable } from 'node:stream';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { describe, expect, it } from 'vitest';
import type { SubmitReceipt } from '../domain/job.ts';
import { OrchestratorError } from '../errors.ts';
import { createBitmap } from '../executors/simulator/picture/bitmap.ts';
import { encodePng } from '../executors/simulator/picture/encode-png.ts';
import type { Executor, OutputFile } from '../ports.ts';
import { createPromptLocks } from './prompt-locks.ts';
import { createSubmit } from './submit.ts';

const PNG = await encodePng(createBitmap(1, 1));

/** A try of submit at a server that does not know the prompt and has this file of it, if any. */
async function submit(tried: number, file: Uint8Array | undefined) {
  const environment = new MockActivityEnvironment(
    { attempt: tried },
    { logger: new DefaultLogger('ERROR') },
  );
  const posted: string[] = [];
  const asked: OutputFile[] = [];
  const executor = {
    bootId: () => Promise.resolve('boot'),
    find: () => Promise.resolve({ state: 'absent', others: 0 }),
    submit: ({ promptId }: { readonly promptId: string }) => {
      posted.push(promptId);
      return Promise.resolve('{}');
    },
    fetchOutput: (output: OutputFile) => {
      asked.push(output);
      if (file) return Promise.resolve(Readable.from([Buffer.from(file)]));
      return Promise.reject(new OrchestratorError('output_missing', 'no such file'));
    },
  } as unknown as Executor;
  const activity = createSubmit({
    executor,
    storage: { open: () => Promise.resolve(undefined) },
    locks: createPromptLocks(),
    maxOutputBytes: 1_000,
  });
  const receipt: SubmitReceipt = await environment.run(activity, {
    lease: {
      jobId: '37d9d863-7928-41c1-bc83-626c00995137',
      runId: environment.context.info.workflowExecution?.runId ?? '',
      ...{ runIndex: 1, attempt: 1, serverId: 'local', reason: 'room' },
      promptId: '5471d64f-c8e0-57cd-9b23-3a17979a6ea1',
      grantedAt: new Date().toISOString(),
      traceId: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00',
    },
    prepared: { graph: { text: '{}' }, outputPrefix: 'x/y', expectedOutputs: 1, durationMs: 1 },
    traceId: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00',
  });
  return { reattached: receipt.reattached, posted: posted.length, asked };
}

describe('a prompt that the server does not know', () => {
  it('is posted by the first try, which looks for no file', async () => {
    expect(await submit(1, PNG)).toEqual({ reattached: false, posted: 1, asked: [] });
  });

  it('is not posted again by a retry when its whole file is there', async () => {
    expect(await submit(2, PNG)).toMatchObject({
      ...{ reattached: true, posted: 0 },
      asked: [{ subfolder: 'x', filename: 'y_00001_.png', type: 'output' }],
    });
  });

  it.each([
    ['is not there', undefined],
    ['was cut short', PNG.subarray(0, PNG.length - 4)],
  ])('is posted again by a retry when its file %s', async (_how, file) => {
    expect(await submit(2, file)).toMatchObject({ reattached: false, posted: 1 });
  });
});
