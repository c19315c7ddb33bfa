import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ClientStack } from '../support/client-stack.ts';
import { REPOSITORY } from '../support/markdown.ts';
import { providePythonPackages } from '../support/python-packages.ts';

const run = promisify(execFile);

interface Call {
  readonly name: string;
  readonly value?: unknown;
  readonly error?: string;
}
interface Report {
  readonly methods: readonly string[];
  readonly calls: readonly Call[];
}

const ENDED = { result: { available: true }, scheduled: false };
const MODEL = 'urn:air:sd1:checkpoint:civitai:4384@128713';
const JOBS = ['Jobs_service', 'async_Jobs_service'];
const both = (service: string, name: string): string[] => [
  `${service}.${name}`,
  `async_${service}.${name}`,
];

/** The Python client `civitai-py`: every method it has, and the generated calls below them, plain and async. */
export async function describePythonMethods(stackOf: () => ClientStack): Promise<void> {
  const python = await providePythonPackages('civitai-py');
  const drive = async (auth: 'open' | 'keys'): Promise<Report> => {
    const { url, key } = stackOf().access[auth];
    const script = join(REPOSITORY, 'test', 'clients', 'drive_civitai_py.py');
    const { stdout } = await run(python?.python ?? '', ['-W', 'ignore', script, url, auth], {
      env: { ...python?.env, CIVITAI_API_TOKEN: key },
      maxBuffer: 50_000_000,
    });
    return JSON.parse(stdout) as Report;
  };

  describe.skipIf(python === undefined)('every method of the Python client', () => {
    const reports = new Map<string, Report>();
    beforeAll(async () => {
      const modes = ['open', 'keys'] as const;
      await Promise.all(modes.map(async (auth) => reports.set(auth, await drive(auth))));
    });

    describe.each(['open', 'keys'])('AUTH=%s', (auth) => {
      const calls = (): readonly Call[] => reports.get(auth)?.calls ?? [];
      const answers = (...names: readonly string[]): unknown[] =>
        calls().flatMap(({ name, value }) => (names.includes(name) ? [value] : []));

      it('is called, and only one cannot work with any server', () => {
        const called = new Set(calls().map(({ name }) => name));
        expect([...called].sort()).toEqual(reports.get(auth)?.methods);
        // It reads the fields of a job from what it parsed as a collection.
        expect(calls().filter(({ error }) => error !== undefined)).toEqual([
          {
            name: 'jobs.get',
            error: "AttributeError: 'JobStatusCollection' object has no attribute 'jobId'",
          },
        ]);
      });

      it('draws, waits, reads, asks for and cancels', () => {
        const [made, waited] = answers('image.create');
        expect(made).toMatchObject({ jobs: [{ scheduled: true }] });
        expect(waited).toMatchObject({ jobs: [ENDED, ENDED] });
        const { jobId } = (made as { jobs: { jobId: string }[] }).jobs[0] ?? {};
        const read = [{ jobs: [{ jobId }] }, { jobs: [ENDED, ENDED] }, undefined];
        expect(answers('jobs.get')).toMatchObject(read);
        const [found] = answers('jobs.query') as { jobs: unknown[] }[];
        expect(found?.jobs).toHaveLength(3);
        expect(answers('jobs.cancel')).toEqual([null]);
      });

      it('reads what the generated calls answer', () => {
        const read = JOBS.flatMap((service) =>
          answers(`${service}.post_v1consumerjobs`, `${service}.get_v1consumerjobs`),
        );
        const detailed = { jobs: [{ ...ENDED, job: { params: { prompt: 'a fox' } } }] };
        expect(read).toMatchObject([detailed, detailed, detailed, detailed]);
        expect(answers(...both('Jobs_service', 'put_v1consumerjobs'))).toEqual([
          { jobs: 1 },
          { jobs: 1 },
        ]);
        expect(answers(...both('Coverage_service', 'get_v1consumercoverage'))).toEqual(
          [0, 1].map(() => ({
            [MODEL]: { availability: 'Available', workers: 1 },
            '@civitai/87153': { availability: 'Available', workers: 1 },
          })),
        );
        const used = answers(...both('Consumption_service', 'get_v1consumerconsumption'));
        for (const one of used as { images: number; totalCost: number }[])
          expect([one.images > 2, one.totalCost > 0]).toEqual([true, true]);
        const requests = answers(...both('Request_service', 'get_v1consumerrequests'));
        for (const page of requests as { requests: { jobs: unknown[] }[] }[])
          expect(page.requests.map(({ jobs }) => jobs.length > 0)).toEqual([true, true]);
      });
    });
  });
}
