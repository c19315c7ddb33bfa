import { PythonError } from './graph/python-values.ts';
import type { RawGraph } from './graph/prompt-graph.ts';

/** `[number, prompt_id, graph, extra_data, outputs_to_execute]`, the shape on the wire. */
export type QueueItem = readonly [
  number,
  string,
  RawGraph,
  Record<string, unknown>,
  readonly string[],
];

/** Two items equal in number and id make Python compare their dicts, which raises. */
const before = (a: QueueItem, b: QueueItem): boolean => {
  if (a[0] !== b[0]) return a[0] < b[0];
  if (a[1] !== b[1]) return a[1] < b[1];
  throw new PythonError('TypeError', "'<' not supported between instances of 'dict' and 'dict'");
};

export interface PromptQueue {
  /** Throws `PythonError` on a tie; the item is in the queue nevertheless, as in the original. */
  push(item: QueueItem): void;
  /** The smallest item by (number, id). Throws on a tie; the popped item is then lost. */
  pop(): QueueItem | undefined;
  /** Raw heap order, which is not the order of execution. */
  items(): readonly QueueItem[];
  clear(): void;
  /** Removes one item with that id. */
  remove(promptId: unknown): boolean;
  readonly size: number;
}

/** A binary min-heap laid out like Python's heapq, because GET /queue shows the raw array. */
export const createPromptQueue = (): PromptQueue => {
  let heap: QueueItem[] = [];
  const at = (index: number): QueueItem => heap[index] as QueueItem;

  const siftDown = (start: number, from: number): void => {
    const item = at(from);
    let position = from;
    while (position > start) {
      const parent = (position - 1) >> 1;
      if (!before(item, at(parent))) break;
      heap[position] = at(parent);
      position = parent;
    }
    heap[position] = item;
  };
  const siftUp = (from: number): void => {
    const end = heap.length;
    const item = at(from);
    let position = from;
    let child = 2 * position + 1;
    while (child < end) {
      const right = child + 1;
      if (right < end && !before(at(child), at(right))) child = right;
      heap[position] = at(child);
      position = child;
      child = 2 * position + 1;
    }
    heap[position] = item;
    siftDown(from, position);
  };

  return {
    push: (item) => {
      heap.push(item);
      siftDown(0, heap.length - 1);
    },
    pop: () => {
      const last = heap.pop();
      if (last === undefined || heap.length === 0) return last;
      const smallest = at(0);
      heap[0] = last;
      siftUp(0);
      return smallest;
    },
    items: () => heap,
    clear: () => {
      heap = [];
    },
    remove: (promptId) => {
      const index = heap.findIndex((item) => item[1] === promptId);
      if (index < 0) return false;
      heap.splice(index, 1);
      for (let i = (heap.length >> 1) - 1; i >= 0; i--) siftUp(i);
      return true;
    },
    get size() {
      return heap.length;
    },
  };
};
