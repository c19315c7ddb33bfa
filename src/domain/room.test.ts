import { describe, expect, it } from 'vitest';
import { createRoomGauge, roomFor } from './room.ts';

describe('the room of a server', () => {
  it.each([
    [undefined, 2],
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
    const gauge = createRoomGauge();
    expect(gauge.room()).toBe(2);
    for (let index = 0; index < 30; index += 1) gauge.note(20);
    expect(gauge.room()).toBe(8);
    gauge.note(10_000);
    expect(gauge.room()).toBe(2);
  });
});
