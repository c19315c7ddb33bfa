import { describe, expect, it } from 'vitest';
import { nextDrawAverage, roomFor } from './room.ts';

describe('the room of a server', () => {
  it.each([
    [null, 2],
    [30_000, 2],
    [250, 2],
    [125, 3],
    [60, 6],
    [36, 8],
    [1, 8],
    [0, 8],
  ])('is for drawings of %s ms: %i', (drawMs, room) => {
    expect(roomFor(drawMs)).toBe(room);
  });

  it('grows while drawings are quick and is small again after one long one', () => {
    let average = nextDrawAverage(null, 20);
    for (let index = 0; index < 30; index += 1) average = nextDrawAverage(average, 20);
    expect(roomFor(average)).toBe(8);
    expect(roomFor(nextDrawAverage(average, 10_000))).toBe(2);
  });
});
