import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createQueueScan } from './queue-scan.ts';

const item = (id: string, extra: unknown = {}) => [
  3.5,
  id,
  { '1': { class_type: 'A', inputs: { text: extra, list: [1, 'mine', ['mine']] } } },
  { client_id: 'mine', mine: 'mine' },
  ['mine'],
];
const scan = (text: string, id: string, size = text.length) => {
  const scanner = createQueueScan(id);
  for (let at = 0; at < text.length; at += size) {
    const place = scanner.feed(text.slice(at, at + size));
    if (place !== undefined) return place;
  }
  return scanner.complete() ? 'absent' : 'broken';
};

describe('createQueueScan', () => {
  it('tells running, queued and absent prompts apart', () => {
    const text = JSON.stringify({
      queue_running: [item('first')],
      queue_pending: [item('second'), item('third')],
    });
    expect(scan(text, 'first')).toBe('running');
    expect(scan(text, 'third')).toBe('queued');
    expect(scan(text, 'fourth')).toBe('absent');
  });

  it('does not take an id that only stands in a graph or in the extra data', () => {
    const text = JSON.stringify({ queue_running: [item('other')], queue_pending: [] });
    expect(scan(text, 'mine')).toBe('absent');
  });

  it('knows a text that was cut off or is no queue', () => {
    const text = JSON.stringify({ queue_running: [item('a')], queue_pending: [] });
    expect(scan(text.slice(0, -1), 'mine')).toBe('broken');
    expect(scan('<html>login</html>', 'mine')).toBe('broken');
  });

  it('finds what JSON.parse finds, whatever the graphs contain and however the text is cut', () => {
    const ids = fc.array(fc.constantFrom<string[]>('a', 'b', 'c', 'quote"d', 'back\\slash', 'ü'), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(
        ids,
        ids,
        fc.json(),
        fc.integer({ min: 1, max: 50 }),
        (running, pending, noise, size) => {
          const text = JSON.stringify({
            queue_running: running.map((id) => item(id, noise)),
            queue_pending: pending.map((id) => item(id, JSON.parse(noise))),
          });
          for (const id of ['a', 'quote"d', 'back\\slash', 'ü', 'mine']) {
            const place = running.includes(id)
              ? 'running'
              : pending.includes(id)
                ? 'queued'
                : 'absent';
            expect(scan(text, id, size)).toBe(place);
          }
        },
      ),
    );
  });
});
