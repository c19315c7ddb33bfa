import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ClientAccess, ClientStack } from '../support/client-stack.ts';
import { until } from '../support/until.ts';
import { readOfficialReadme, runProgram, type Program } from './readme-programs.ts';

type Answer = Record<string, unknown> & { token?: string; jobs?: Record<string, unknown>[] };

/** Blocks of the README that no server can make work, by the index among its JavaScript blocks. */
const NOT_RUN: Readonly<Record<number, { readonly begins: string; readonly why: string }>> = {
  4: { begins: 'const output = civitai.jobs.get(', why: 'the client has no jobs.get' },
  13: { begins: '{\n  "status": 200', why: 'an answer, not a program' },
  15: {
    begins: 'await civitai.image.fromText({\n  input:',
    why: 'has "..." in an object; the client refuses "input" and "webhook"',
  },
  16: { begins: '// app/api/webhook/route.ts', why: 'a receiver of callbacks inside of Next.js' },
  17: { begins: 'await civitai.image.fromText({\n  input:', why: 'as the block before' },
};

const JOB = {
  model: 'urn:air:sd1:checkpoint:civitai:4384@128713',
  params: { prompt: 'a fox', width: 64, height: 64, steps: 1, cfgScale: 7 },
};

/** A job with properties, which the examples do not send. */
async function submitRaw({ url, key }: ClientAccess, properties: unknown): Promise<void> {
  const response = await fetch(`${url}/v1/consumer/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ $type: 'textToImage', ...JOB, properties }),
  });
  expect(response.status, await response.text()).toBe(202);
}

/** Names of example's fields that the answer lacks, with their paths. */
function lacking(example: unknown, answer: unknown, path = ''): string[] {
  if (Array.isArray(example))
    return lacking(example[0], (answer as unknown[] | undefined)?.[0], `${path}[]`);
  if (typeof example !== 'object' || example === null)
    return typeof example === typeof answer ? [] : [`${path}: ${typeof answer}`];
  return Object.entries(example).flatMap(([key, value]) => {
    const held = (answer ?? {}) as Record<string, unknown>;
    return key in held ? lacking(value, held[key], `${path}.${key}`) : [`${path}.${key}`];
  });
}

/** The README that the npm client `civitai` brings along: its examples, word for word, and nothing but the base URL set. */
export function describeNpmReadme(stackOf: () => ClientStack): void {
  let readme: Awaited<ReturnType<typeof readOfficialReadme>>;
  beforeAll(async () => {
    readme = await readOfficialReadme();
  });
  beforeEach(() => {
    for (const method of ['log', 'error'] as const)
      vi.spyOn(console, method).mockImplementation(() => undefined);
  });
  afterEach(() => vi.restoreAllMocks());

  const js = (index: number): string => readme.js[index] ?? '';

  /** The first line of the first block for ES modules; below it stands the one for CommonJS. */
  const esImport = (): string => js(0).split('\n')[1] ?? '';

  const example = (index: number): unknown => JSON.parse(readme.json[index] ?? '');

  describe.each(['open', 'keys'] as const)('the README of the npm client, AUTH=%s', (auth) => {
    const access = () => stackOf().access[auth];
    const run = (program: Omit<Program, 'baseUrl'>): Promise<Answer> => {
      const blocks = program.blocks.map((block) =>
        // The placeholder; without keys it does as well as anything.
        auth === 'keys' ? block.replace('YOUR_API_TOKEN', access().key) : block,
      );
      return runProgram({ ...program, blocks, baseUrl: access().url }) as Promise<Answer>;
    };
    const client = () => [esImport(), js(1)];
    const finished = async (): Promise<{ jobId: string; token: string }> => {
      const made = await run({ blocks: [...client(), js(2), js(3)], result: 'response' });
      const { token = '' } = made;
      const jobId = String(made.jobs?.[0]?.['jobId']);
      const block = `${js(10)}`;
      await until('the job has its picture', async () => {
        const { jobs } = await run({
          blocks: [...client(), block],
          given: { token },
          result: 'response',
        });
        return (jobs?.[0]?.['result'] as { blobUrl?: string } | null)?.blobUrl;
      });
      return { jobId, token };
    };

    it('makes a job and one with additional networks', async () => {
      const made = await run({ blocks: [...client(), js(2), js(3)], result: 'response' });
      expect(lacking(example(0), made)).toEqual([]);
      const network = await run({ blocks: [...client(), js(6), js(3)], result: 'response' });
      expect(network.jobs).toHaveLength(1);
      const built = await run({
        blocks: [esImport(), js(7)],
        given: { options: { auth: access().key } },
        result: 'civitai',
      });
      expect(Object.keys(built)).toEqual(['image', 'models', 'jobs']);
      const input = await run({ blocks: [js(2)], result: 'input' });
      const again = await run({
        blocks: [...client(), js(8)],
        given: { options: input },
        result: 'response',
      });
      expect(again).toMatchObject({ jobs: [{ scheduled: true }] });
    });

    it('waits for a picture', async () => {
      const waited = await run({ blocks: [...client(), js(2), js(5)], result: 'response' });
      // What the client answers then: the polled collection where the result of the first job was.
      const polled = waited.jobs?.[0]?.['result'] as Answer;
      const { blobUrl } = polled.jobs?.[0]?.['result'] as { blobUrl: string };
      const picture = await fetch(blobUrl);
      expect([picture.status, picture.headers.get('content-type')]).toEqual([200, 'image/png']);
    });

    it('reads jobs by id, by token and by query, and cancels one', async () => {
      const { jobId, token } = await finished();
      const byId = await run({
        blocks: [...client(), js(9)],
        given: { jobId },
        result: 'response',
      });
      expect(lacking(example(1), byId)).toEqual([]);
      const byToken = await run({
        blocks: [...client(), js(10)],
        given: { token },
        result: 'response',
      });
      expect(lacking(example(2), byToken)).toEqual([]);
      const asked = example(3) as { jobs: { properties: object }[] };
      // The example shows what is told of a job that waits.
      stackOf().simulator.pauseDrawing(true);
      await submitRaw(access(), asked.jobs[0]?.properties);
      const query = await run({ blocks: [...client(), js(11)], result: 'response' }).finally(() =>
        stackOf().simulator.pauseDrawing(false),
      );
      expect(lacking(asked, query)).toEqual([]);
      const cancelled = await run({
        blocks: [...client(), js(12)],
        given: { jobId },
        result: 'response',
      });
      expect(cancelled).toMatchObject({ status: 200 });
    });

    it('tells which models can be used', async () => {
      const coverage = await run({ blocks: [...client(), js(14)], result: 'coverage' });
      expect(lacking(example(4), coverage)).toEqual([]);
      expect(Object.values(coverage)).toEqual([
        { availability: 'Available', workers: 1 },
        { availability: 'Available', workers: 1 },
      ]);
    });
  });

  describe('the README of the npm client', () => {
    it('has no block that is neither run above nor listed with a reason', () => {
      expect(readme.js).toHaveLength(18);
      for (const [index, { begins }] of Object.entries(NOT_RUN))
        expect(js(Number(index)).startsWith(begins), `block ${index}`).toBe(true);
      expect(js(0)).toContain('const Civitai = require("civitai");');
    });
  });
}
