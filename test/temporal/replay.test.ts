/** Histories of real runs against the workflows as they are now. See test/support/record-histories.ts. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  DefaultLogger,
  Worker,
  bundleWorkflowCode,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/telemetry.ts';
import { installRuntime } from '../../src/workers/temporal-workers.ts';
import { SCENARIOS } from '../support/history-scenarios.ts';

const HISTORIES = fileURLToPath(new URL('../histories/', import.meta.url));
const WORKFLOWS = fileURLToPath(new URL('../../src/workflows/index.ts', import.meta.url));

interface StoredHistory {
  readonly file: string;
  readonly text: string;
}

interface HistoryJson {
  readonly events: readonly {
    readonly workflowExecutionStartedEventAttributes?: { readonly workflowId: string };
  }[];
}

async function readHistories(): Promise<StoredHistory[]> {
  const entries = await readdir(HISTORIES, { recursive: true });
  const files = entries
    .map((entry) => entry.replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.json'));
  return Promise.all(
    files
      .sort()
      .map(async (file) => ({ file, text: await readFile(join(HISTORIES, file), 'utf8') })),
  );
}

let bundle: WorkflowBundleWithSourceMap;
let stored: StoredHistory[];

beforeAll(async () => {
  installRuntime(silentLogger);
  [bundle, stored] = await Promise.all([
    bundleWorkflowCode({ workflowsPath: WORKFLOWS, logger: new DefaultLogger('ERROR') }),
    readHistories(),
  ]);
});

/** File name → error of its replay. */
async function replay(histories: readonly StoredHistory[]): Promise<Map<string, Error>> {
  const errors = new Map<string, Error>();
  const byWorkflow = new Map<string, string>();
  const runs = histories.map(({ file, text }) => {
    const history = JSON.parse(text) as HistoryJson;
    const workflowId = history.events[0]?.workflowExecutionStartedEventAttributes?.workflowId ?? '';
    byWorkflow.set(workflowId, file);
    return { workflowId, history };
  });
  const results = Worker.runReplayHistories({ workflowBundle: bundle }, runs);
  for await (const { workflowId, error } of results)
    if (error) errors.set(byWorkflow.get(workflowId) ?? workflowId, error);
  return errors;
}

describe('recorded histories', () => {
  it('replay against the current workflows', async () => {
    expect(stored.length).toBeGreaterThanOrEqual(SCENARIOS.length);
    expect([...(await replay(stored))].map(([file, { message }]) => `${file}: ${message}`)).toEqual(
      [],
    );
  });

  it.each([
    ['an activity of another type', '"name": "submit"', '"name": "post"'],
    ['another order of activities', '"name": "prepare"', '"name": "collect"'],
  ])('fail to replay when they have %s', async (_what, from, to) => {
    const success = stored.filter(({ file }) => file.endsWith('/success.json'));
    const changed = success.map(({ file, text }) => ({ file, text: text.replaceAll(from, to) }));
    expect(changed).not.toEqual(success);
    const errors = await replay(changed);
    expect([...errors.keys()]).toEqual(success.map(({ file }) => file));
    for (const error of errors.values()) expect(error.name).toBe('DeterminismViolationError');
  });

  it('cover every scenario', () => {
    const names = new Set(stored.map(({ file }) => file.replace(/^.*\/|\.json$/g, '')));
    expect(SCENARIOS.filter(({ name }) => !names.has(name))).toEqual([]);
  });

  it('are those of CHECKSUMS: they are only added, never changed or removed', async () => {
    const lines = (await readFile(join(HISTORIES, 'CHECKSUMS'), 'utf8')).trimEnd().split('\n');
    const sums = stored.map(
      ({ file, text }) => `${createHash('sha256').update(text).digest('hex')}  ${file}`,
    );
    expect(sums).toEqual([...lines].sort((a, b) => (a.slice(66) < b.slice(66) ? -1 : 1)));
  });

  it('tell nothing of the machine they were recorded on', () => {
    for (const { file, text } of stored) {
      const payloads = [...text.matchAll(/"data": "([^"]*)"/g)].map(([, data]) =>
        Buffer.from(data ?? '', 'base64').toString(),
      );
      const seen = [text, ...payloads].join('\n');
      // A process is 1234@host; an AIR has a colon before its ids.
      expect(seen, file).not.toMatch(/file:\/\/|\.(ts|js):\d+|(?<![:\d])\d+@\w+/);
    }
  });
});
