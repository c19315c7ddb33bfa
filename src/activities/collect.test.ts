import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CollectResult, Lease } from '../domain/job.ts';
import { OrchestratorError } from '../errors.ts';
import type { Executor, PromptState, WatchOptions } from '../ports.ts';
import { createLocalBlobs } from '../storage/attempt-blobs.ts';
import { createLocalStore } from '../storage/local.ts';
import { silentLogger } from '../telemetry.ts';
import type { CollectInput } from './activity-types.ts';
import { createCollect, type CollectDeps } from './collect.ts';
import type { Beat } from './silence.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'collect-'));
});
afterAll(() => rm(dir, { recursive: true }));

const LOST_AFTER_MS = 60_000;
const unreachable = new OrchestratorError('server_unreachable', 'no answer', { retryable: true });

/** Collects from a server whose watch does as told and which has been silent for an hour of tries. */
function collect(
  watch: (options: WatchOptions) => Promise<PromptState>,
  more: Partial<Executor & Pick<CollectDeps, 'onDrawn' | 'storage' | 'progress'>> = {},
  beat: Partial<Beat> = {},
  further: Partial<CollectInput> = {},
): Promise<CollectResult> {
  const heartbeatDetails = { silentMs: 3_600_000, atMs: 0, fraction: 0, hasStarted: true, ...beat };
  const environment = new MockActivityEnvironment(
    { heartbeatDetails, currentAttemptScheduledTimestampMs: 0 },
    { logger: new DefaultLogger('ERROR') },
  );
  const { runId } = environment.context.info.workflowExecution ?? { runId: '' };
  const lease: Lease = {
    jobId: '37d9d863-7928-41c1-bc83-626c00995137',
    runId,
    runIndex: 1,
    attempt: 1,
    serverId: 'local',
    promptId: '5471d64f-c8e0-57cd-9b23-3a17979a6ea1',
    reason: 'room',
    grantedAt: new Date().toISOString(),
    traceId: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00',
  };
  const input: CollectInput = {
    lease,
    receipt: {
      promptId: lease.promptId,
      response: '{}',
      reattached: false,
      bootId: 'boot',
      // By the clock of another machine, which says nothing here.
      submittedAt: new Date(0).toISOString(),
    },
    outputPrefix: 'x/y',
    expectedOutputs: 1,
    serverLostAfterMs: LOST_AFTER_MS,
    ...further,
  };
  const executor = {
    serverId: 'local',
    watch: (_promptId: string, options: WatchOptions) => watch(options),
    ...more,
  } as unknown as Executor;
  const activity = createCollect({
    executor,
    storage: createLocalBlobs(createLocalStore(dir)),
    maxOutputBytes: 1_000_000,
    logger: silentLogger,
    isRunClosed: () => Promise.resolve(false),
    ...more,
  });
  return environment.run<[CollectInput], CollectResult, typeof activity>(activity, input);
}

describe('a server that does not answer', () => {
  it('is lost when it has not answered for long, over all tries', async () => {
    const result = collect(() => Promise.reject(unreachable));
    await expect(result).rejects.toMatchObject({
      code: 'server_lost',
      retryable: false,
      message: 'local has not answered for 3600 s: no answer',
    });
  });

  it('is not lost when it answered a moment ago, though there was no progress', async () => {
    const result = collect((options) => {
      options.onAnswer?.('queued');
      return Promise.reject(unreachable);
    });
    await expect(result).rejects.toBe(unreachable);
  });

  it('is lost although progress is told that was known before', async () => {
    const result = collect((options) => {
      options.onProgress?.({ fraction: 0.5 });
      return Promise.reject(unreachable);
    });
    await expect(result).rejects.toMatchObject({ code: 'server_lost' });
  });
});

const FIRST_TRY = { hasStarted: undefined } as unknown as Partial<Beat>;

describe('a prompt that is lost', () => {
  const gone = new OrchestratorError('output_missing', 'no file');
  const lost = (beat: Partial<Beat>, seen?: 'queued' | 'running') =>
    collect(
      (options) => {
        if (seen) options.onAnswer?.(seen);
        return Promise.resolve({ state: 'absent' });
      },
      { fetchOutput: () => Promise.reject(gone), bootId: () => Promise.resolve('next') },
      beat,
    );

  it('names both starts of the server', async () => {
    await expect(lost({})).rejects.toThrow('boot boot when submitted, next now');
  });

  it.each([
    [{ hasStarted: false }, undefined, true],
    [{ hasStarted: false }, 'queued', true],
    [{ hasStarted: false }, 'running', false],
    [{ hasStarted: true }, 'queued', false],
    // The first try: its receipt names no prompt before it.
    [FIRST_TRY, undefined, false],
    [FIRST_TRY, 'queued', true],
  ] as const)('tells whether it only waited there (%j, seen %s)', async (beat, seen, waiting) => {
    await expect(lost(beat, seen)).rejects.toMatchObject({
      code: 'prompt_lost',
      details: { waiting },
    });
  });
});

describe('a drawing that fails', () => {
  const png = Buffer.from(
    '89504e470d0a1a0a0000000d494844520000000100000001080600000000000000000000000049454e44ae426082',
    'hex',
  );
  const failed: PromptState = {
    state: 'failed',
    nodeId: '9',
    nodeType: 'SaveImage',
    exceptionType: 'OSError',
    message: 'no space',
    outputs: ['cut.png', 'whole.png'].map((filename) => ({
      nodeId: filename,
      filename,
      subfolder: '',
      type: 'output' as const,
    })),
  };

  it('keeps the whole files that were written before, in their order', async () => {
    const result = collect(() => Promise.resolve(failed), {
      fetchOutput: ({ filename }) =>
        Promise.resolve(Readable.from([filename === 'cut.png' ? png.subarray(0, 20) : png])),
    });
    await expect(result).rejects.toMatchObject({
      code: 'execution_failed',
      details: { outputs: [{ slot: 0, bytes: png.length, contentType: 'image/png' }] },
    });
  });

  it('is told only when they are stored: a full store is tried again', async () => {
    const full = new OrchestratorError('storage_full', 'full', { retryable: true });
    const storage = { ...createLocalStore(dir), put: () => Promise.reject(full) };
    const result = collect(() => Promise.resolve(failed), {
      fetchOutput: () => Promise.resolve(Readable.from([png])),
      storage,
    });
    await expect(result).rejects.toBe(full);
  });
});

describe('the room of a prompt', () => {
  const succeeded: PromptState = {
    state: 'succeeded',
    outputs: [{ nodeId: '9', filename: 'a.png', subfolder: '', type: 'output' }],
    executionMs: 1,
    cachedNodes: 0,
  };

  it('is given back when the drawing ended, before anything is fetched', async () => {
    const seen: string[] = [];
    const result = collect(() => Promise.resolve(succeeded), {
      onDrawn: ({ promptId }) => seen.push(promptId),
      fetchOutput: () => Promise.reject(new OrchestratorError('output_missing', String(seen))),
    });
    await expect(result).rejects.toThrow('5471d64f-c8e0-57cd-9b23-3a17979a6ea1');
  });

  it('is kept while the server does not know the prompt', async () => {
    const seen: string[] = [];
    const result = collect(() => Promise.resolve({ state: 'absent' }), {
      onDrawn: ({ promptId }) => seen.push(promptId),
      fetchOutput: () => Promise.reject(unreachable),
    });
    await expect(result).rejects.toBeDefined();
    expect(seen).toEqual([]);
  });
});

describe('the progress of a drawing', () => {
  it.each<[string, () => Promise<PromptState>]>([
    ['it ended', () => Promise.resolve({ state: 'interrupted' })],
    ['it could not be followed', () => Promise.reject(unreachable)],
  ])('is ended once when %s', async (_name, watch) => {
    const ended: string[] = [];
    const progress = {
      progress: () => undefined,
      preview: () => undefined,
      end: ({ promptId }: { promptId: string }) => void ended.push(promptId),
    };
    await expect(collect(watch, { progress })).rejects.toBeDefined();
    expect(ended).toEqual(['5471d64f-c8e0-57cd-9b23-3a17979a6ea1']);
  });
});

describe('the timeout of a job', () => {
  /** Follows a prompt that never ends, until it is told to stop. */
  const endless = ({ signal }: WatchOptions): Promise<PromptState> =>
    new Promise((_resolve, reject) => {
      const stopped = (): void => reject(new Error('stopped'));
      if (signal.aborted) stopped();
      signal.addEventListener('abort', stopped);
    });

  it('ends a drawing that takes longer, for good and with the time', async () => {
    await expect(collect(endless, {}, {}, { timeoutMs: 20 })).rejects.toMatchObject({
      code: 'timed_out',
      retryable: false,
      message: expect.stringContaining("the job's own timeout of 0.02 s") as string,
    });
  });

  it('lets a later try see first whether the drawing ended meanwhile', async () => {
    const result = collect(
      () => Promise.resolve({ state: 'interrupted' }),
      {},
      { startedAtMs: -3_600_000 },
      { timeoutMs: 1_000 },
    );
    await expect(result).rejects.toMatchObject({ code: 'interrupted' });
  });
});

describe('a job whose result is text', () => {
  const tags = { nodeId: 'text', form: { kind: 'tags', threshold: 0.35 } } as const;
  const says = (...texts: readonly string[]) =>
    collect(
      () =>
        Promise.resolve({
          ...({ state: 'succeeded', outputs: [], executionMs: 5, cachedNodes: 0 } as const),
          texts: [
            { nodeId: 'other', text: 'not this' },
            ...texts.map((text) => ({ nodeId: 'text', text })),
          ],
        }),
      {},
      {},
      { expectedOutputs: 0, text: tags },
    );
  const fileOf = async ({ outputs: [output] }: CollectResult): Promise<unknown> =>
    JSON.parse(await readFile(join(dir, output?.storageKey ?? ''), 'utf8'));

  it('has it as a file and beside it, the same for every try', async () => {
    const first = await says('sky, star_\\(sky\\)');
    const text = { tags: { sky: 0.35, 'star_(sky)': 0.35 } };
    expect(first.outputs).toMatchObject([{ slot: 0, contentType: 'application/json', text }]);
    expect(await fileOf(first)).toEqual(text);
    expect((await says('sky, star_\\(sky\\)')).outputs).toEqual(first.outputs);
  });

  it('has a long one as a file only, so that the history stays small', async () => {
    const result = await says(Array.from({ length: 9_000 }, (_, index) => `tag_${index}`).join());
    expect(result.outputs[0]?.text).toBeUndefined();
    expect(Object.keys((await fileOf(result)) as { tags: object })).toEqual(['tags']);
  });

  it('keeps nothing that the database would not take', async () => {
    const { outputs } = await says('a\0b, \ud83d');
    expect(Object.keys(outputs[0]?.text?.tags ?? {})).toEqual(['a\ufffdb', '\ufffd']);
  });

  it.each([
    ['says nothing', [], tags, /gave no text/],
    ['says something else', ['<Output>'], { ...tags, form: { kind: 'embedding' } }, /<Output>/],
  ] as const)('fails when the node %s', async (_what, texts, text, message) => {
    const result = collect(
      () =>
        Promise.resolve({
          ...({ state: 'succeeded', outputs: [], executionMs: 5, cachedNodes: 0 } as const),
          texts: texts.map((one) => ({ nodeId: 'text', text: one })),
        }),
      {},
      {},
      { expectedOutputs: 0, text },
    );
    await expect(result).rejects.toMatchObject({
      code: 'execution_failed',
      message: expect.stringMatching(message) as string,
    });
  });

  it('is drawn anew when the server has lost it: it leaves no file there', async () => {
    const result = collect(
      () => Promise.resolve({ state: 'absent' }),
      { bootId: () => Promise.resolve('later') },
      {},
      { expectedOutputs: 0, text: tags },
    );
    await expect(result).rejects.toMatchObject({ code: 'prompt_lost' });
  });
});
