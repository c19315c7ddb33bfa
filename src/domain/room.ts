/** How many jobs a server is given at a time. */

/** One draws, one waits. */
const LEAST = 2;
export const MOST_ROOM = 8;
/** From the moment room is free until the next prompt is on the server, on a busy machine. */
const BRING_MS = 250;

/** Room of a server whose drawings take `drawMs`: one that draws, and as many as come in while the next is brought. */
export const roomFor = (drawMs: number | undefined): number =>
  drawMs === undefined
    ? LEAST
    : Math.min(MOST_ROOM, Math.max(LEAST, 1 + Math.ceil(BRING_MS / Math.max(1, drawMs))));

export interface RoomGauge {
  /** A drawing took so long, in milliseconds. */
  note(drawMs: number): void;
  room(): number;
}

/** Follows how long drawings take; recent ones count most, a long one at once. */
export function createRoomGauge(): RoomGauge {
  let average: number | undefined;
  return {
    note(drawMs) {
      average = average === undefined ? drawMs : average + (drawMs - average) / 5;
    },
    room: () => roomFor(average),
  };
}
