import { describe, expect, it } from 'vitest';
import { createPromptHistory, type HistoryEntry } from './prompt-history.ts';

const entry = { outputs: {}, meta: {} } as unknown as HistoryEntry;

describe('the history', () => {
  it('evicts the oldest beyond its limit', () => {
    const history = createPromptHistory(2);
    ['a', 'b', 'c'].forEach((id) => {
      history.put(id, entry);
    });
    expect(history.page(undefined, -1).map(([id]) => id)).toEqual(['b', 'c']);
    expect(history.find('a')).toBeUndefined();
  });
});
