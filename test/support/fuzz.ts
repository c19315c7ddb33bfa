import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { REPOSITORY } from './markdown.ts';
import type { PythonPackages } from './python-packages.ts';

export interface FuzzOptions {
  readonly url: string;
  /** Of an operator, so that nothing is refused for want of a right. */
  readonly key: string;
  readonly workerKey: string;
  /** Requests of generated data for each operation, and sequences. */
  readonly examples: number;
  /** Also each documented edge of each field, which is some 3,500 requests. */
  readonly edges: boolean;
  readonly seed: number;
}

export interface FuzzResult {
  readonly code: number | null;
  readonly requests: number;
  readonly output: string;
}

const CHECKS = [
  ...['not_a_server_error', 'status_code_conformance', 'content_type_conformance'],
  ...['response_headers_conformance', 'response_schema_conformance', 'unsupported_method'],
  ...['allow_header_conformance', 'ignored_auth'],
];

/** An answer that takes longer counts as a hang. */
const LONGEST_ANSWER_SECONDS = 30;

/** Schemathesis over the API's own document: its examples, generated data, sequences of calls that follow each other. */
export async function runFuzzer(
  { python, env }: PythonPackages,
  { url, key, workerKey, examples, edges, seed }: FuzzOptions,
): Promise<FuzzResult> {
  const dir = await mkdtemp(join(tmpdir(), 'orchestrator-fuzz-'));
  try {
    const child = spawn(
      python,
      [
        ...['-c', 'from schemathesis.cli import schemathesis; schemathesis()'],
        ...['run', `${url}/openapi.json`, '--header', `Authorization: Bearer ${key}`],
        ...['--phases', `examples,${edges ? 'coverage,' : ''}fuzzing,stateful`],
        ...['--checks', CHECKS.join(','), '--continue-on-failure', '--no-color'],
        ...['--request-timeout', String(LONGEST_ANSWER_SECONDS)],
        ...['--max-examples', String(examples), '--seed', String(seed), '--no-shrink'],
        ...['--generation-database', 'none', '--suppress-health-check', 'all'],
        ...['--warnings', 'off'],
      ],
      {
        cwd: dir,
        env: {
          ...env,
          FUZZ_WORKER_KEY: workerKey,
          SCHEMATHESIS_HOOKS: join(REPOSITORY, 'test/clients/schemathesis_hooks.py'),
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code, requests: Number(/(\d+) generated/.exec(output)?.[1] ?? 0), output };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
