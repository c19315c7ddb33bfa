import { describe, expect, it } from 'vitest';
import { createExecutionLog } from './execution-log.ts';

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
});
