import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { appendExecutions, createExecutionLog, type ExecutionLine } from './execution-log.ts';

describe('the execution log', () => {
  it('keeps the newest entries, counts all, and forgets both on demand', () => {
    const log = createExecutionLog(2);
    for (const id of ['a', 'b', 'c']) log.start(id, undefined)('success', ['1']);
    expect(log.entries().map(({ promptId }) => promptId)).toEqual(['b', 'c']);
    expect(log.total).toBe(3);
    log.start('d', 'me');
    expect(log.entries()[1]).toMatchObject({ promptId: 'd', clientId: 'me', outcome: undefined });
    log.clear();
    expect([log.entries(), log.total]).toEqual([[], 0]);
  });

  it('writes every start and end to its file at once, behind what the process before wrote', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'execution-log-'));
    const file = join(dir, 'executions.jsonl');
    createExecutionLog(1, appendExecutions(file, 'first')).start('a', undefined);
    const second = createExecutionLog(1, appendExecutions(file, 'second'));
    second.start('b', undefined)('success', ['1']);
    const lines = (await readFile(file, 'utf8')).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as ExecutionLine)).toMatchObject([
      { event: 'boot', bootId: 'first' },
      { event: 'start', bootId: 'first', promptId: 'a' },
      { event: 'boot', bootId: 'second' },
      { event: 'start', bootId: 'second', promptId: 'b' },
      { event: 'end', promptId: 'b', outcome: 'success', executedNodes: ['1'] },
    ]);
    await rm(dir, { recursive: true });
  });
});
