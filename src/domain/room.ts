/** How many jobs a server is given at a time. */

/** One draws, one waits. */
const LEAST = 2;
export const MOST_ROOM = 8;
/** From the moment room is free until the next prompt is on the server, on a busy machine. */
const BRING_MS = 250;

/** Room of a server whose drawings take `drawMs`: one that draws, and as many as come in while the next is brought. */
export const roomFor = (drawMs: number | null): number =>
  drawMs === null
    ? LEAST
    : Math.min(MOST_ROOM, Math.max(LEAST, 1 + Math.ceil(BRING_MS / Math.max(1, drawMs))));

/** How long drawings take on the average, in milliseconds, after one that took `drawMs`; recent ones count most. */
export const nextDrawAverage = (average: number | null, drawMs: number): number =>
  average === null ? drawMs : average + (drawMs - average) / 5;
