import type { QueueItem } from './prompt-queue.ts';

export type StatusMessage = readonly [string, Record<string, unknown>];

export interface HistoryEntry {
  readonly prompt: QueueItem;
  readonly outputs: Record<string, Record<string, unknown>>;
  readonly status: {
    readonly status_str: 'success' | 'error';
    readonly completed: boolean;
    readonly messages: readonly StatusMessage[];
  };
  readonly meta: Record<string, Record<string, unknown>>;
}

export interface PromptHistory {
  put(promptId: string, entry: HistoryEntry): void;
  find(promptId: string): HistoryEntry | undefined;
  /** Oldest first; the newest `maxItems` unless an offset from the oldest is given (negative: none). */
  page(maxItems: number | undefined, offset: number): [string, HistoryEntry][];
  all(): Iterable<[string, HistoryEntry]>;
  delete(promptId: string): void;
  clear(): void;
}

/** History of finished prompts, in memory only, the oldest evicted beyond `limit`. (Default: 10,000, as in ComfyUI.) */
export const createPromptHistory = (limit = 10_000): PromptHistory => {
  const entries = new Map<string, HistoryEntry>();
  return {
    put: (promptId, entry) => {
      if (entries.size >= limit) {
        const oldest = entries.keys().next();
        if (!oldest.done) entries.delete(oldest.value);
      }
      entries.set(promptId, entry);
    },
    find: (promptId) => entries.get(promptId),
    page: (maxItems, offset) => {
      const start = offset < 0 && maxItems !== undefined ? entries.size - maxItems : offset;
      const from = Math.max(0, start);
      return [...entries].slice(from, maxItems === undefined ? undefined : from + maxItems);
    },
    all: () => entries,
    delete: (promptId) => {
      entries.delete(promptId);
    },
    clear: () => {
      entries.clear();
    },
  };
};
