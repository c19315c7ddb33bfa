import { describe, expect, it } from 'vitest';
import { createPromptQueue, type QueueItem } from './prompt-queue.ts';

const item = (number: number, id: string): QueueItem => [number, id, {}, {}, []];

const drain = (queue: ReturnType<typeof createPromptQueue>): string[] => {
  const ids: string[] = [];
  for (let next = queue.pop(); next; next = queue.pop()) ids.push(next[1]);
  return ids;
};

describe('the prompt queue', () => {
  it('gives lower numbers first and orders equal ones by id', () => {
    const queue = createPromptQueue();
    [item(3, 'a'), item(-1, 'b'), item(2, 'd'), item(2, 'c'), item(0, 'e')].forEach(queue.push);
    expect(drain(queue)).toEqual(['b', 'e', 'c', 'd', 'a']);
  });

  it('lies in memory as Python lays it out', () => {
    const queue = createPromptQueue();
    [5, 4, 3, 2, 1].forEach((number) => queue.push(item(number, 'x')));
    expect(queue.items().map(([number]) => number)).toEqual([1, 2, 4, 5, 3]);
  });

  it('removes one item of an id and stays in order', () => {
    const queue = createPromptQueue();
    [item(1, 'a'), item(2, 'a'), item(0, 'z'), item(3, 'b')].forEach(queue.push);
    expect([queue.remove('a'), queue.remove('nobody'), queue.size]).toEqual([true, false, 3]);
    expect(drain(queue)).toEqual(['z', 'a', 'b']);
  });

  it('raises on a tie of number and id and keeps the item', () => {
    const queue = createPromptQueue();
    queue.push(item(1, 'a'));
    expect(() => queue.push(item(1, 'a'))).toThrow('not supported between instances');
    expect(queue.size).toBe(2);
  });
});
