/**
 * Finds one prompt in the text of `GET /queue` without holding or parsing the graphs around it: the queue of a busy
 * shared server is many megabytes. The text is `{"queue_running":[[number, id, graph, …], …],"queue_pending":[…]}`.
 */
export type QueuePlace = 'running' | 'queued';

export interface QueueScan {
  /** Reads on; the place as soon as the prompt was seen. */
  feed(text: string): QueuePlace | undefined;
  /** Prompts that were read so far. */
  prompts(): number;
  /** True when a complete object was read. */
  complete(): boolean;
}

const QUOTE = 34;
const BACKSLASH = 92;
const COMMA = 44;
const OPEN = new Set([91, 123]);
const CLOSE = new Set([93, 125]);
/** Depth of an item's elements: object, list, item. */
const ITEM_DEPTH = 3;

/** No id and no key is longer; a string without an end fills no memory. */
const LONGEST = 1_000;
const joined = (start: string, end: string): string =>
  start.length > LONGEST ? start : start + end;

/** A scanner for one prompt id. */
export const createQueueScan = (promptId: string): QueueScan => {
  const wanted = JSON.stringify(promptId).slice(1, -1);
  let depth = 0;
  let element = 0;
  let inString = false;
  let escaped = false;
  let capture: string | undefined;
  let key = '';
  let complete = false;
  let prompts = 0;

  const endOfString = (): QueuePlace | undefined => {
    const value = capture;
    capture = undefined;
    if (value === undefined) return undefined;
    if (depth === 1) {
      key = value;
      return undefined;
    }
    return value === wanted ? (key === 'queue_running' ? 'running' : 'queued') : undefined;
  };

  const feed = (text: string): QueuePlace | undefined => {
    let from = 0;
    for (let index = 0; index < text.length; index += 1) {
      const code = text.charCodeAt(index);
      if (inString) {
        if (escaped) escaped = false;
        else if (code === BACKSLASH) escaped = true;
        else if (code === QUOTE) {
          inString = false;
          if (capture !== undefined) capture = joined(capture, text.slice(from, index));
          const place = endOfString();
          if (place !== undefined) return place;
        }
      } else if (code === QUOTE) {
        inString = true;
        from = index + 1;
        if (depth === 1 || (depth === ITEM_DEPTH && element === 1)) capture = '';
      } else if (OPEN.has(code)) {
        depth += 1;
        if (depth === ITEM_DEPTH) {
          element = 0;
          prompts += 1;
        }
      } else if (CLOSE.has(code)) {
        depth -= 1;
        if (depth === 0) complete = true;
      } else if (code === COMMA && depth === ITEM_DEPTH) {
        element += 1;
      }
    }
    if (inString && capture !== undefined) capture = joined(capture, text.slice(from));
    return undefined;
  };

  return { feed, prompts: () => prompts, complete: () => complete };
};
