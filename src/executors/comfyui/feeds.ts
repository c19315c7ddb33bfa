import type { Graph } from '../../domain/graphs/graph.ts';
import type { WatchOptions } from '../../ports.ts';
import type { SocketMessage } from './messages.ts';
import { createProgressMeter, type ProgressMeter } from './progress.ts';

/** What the socket says about one prompt to one watcher: hints when to look, and progress. Never the truth. */
export interface PromptFeed {
  /** Its outcome was announced; the history entry is written or about to be. */
  ending(): boolean;
  ended(): boolean;
  /** True once after a submit of this executor was accepted. */
  takeSubmitted(): boolean;
  /** Resolves after `ms`, or at once when something happened since the last wait. Throws the signal's reason. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
  /** Forgets the prompt once nobody watches it any more, unless it is to be watched again. */
  close(done: boolean): void;
}

type Listeners = Pick<WatchOptions, 'onProgress' | 'onPreview'>;

export interface Feeds {
  /** Registered before the POST, for the first messages may overtake its answer. */
  expect(promptId: string, graph: Graph): { accepted(): void; drop(): void };
  open(promptId: string, listeners?: Listeners): PromptFeed;
  take(message: SocketMessage): void;
  /** The socket came or went: every watcher looks for itself. */
  wakeAll(): void;
}

/** Prompts submitted here but watched elsewhere are forgotten oldest first beyond this. */
const MAX_ENTRIES = 256;

interface Watcher {
  wake(): void;
  readonly listeners: Listeners;
}

interface Entry {
  readonly meter: ProgressMeter;
  readonly watchers: Set<Watcher>;
  submitted: boolean;
  /** The socket gets this prompt's own messages. */
  live: boolean;
  ending: boolean;
  ended: boolean;
}

const wakeWatchers = (entry: Entry): void => {
  for (const watcher of entry.watchers) watcher.wake();
};

/** A listener's fault must not reach the socket it was called from, where it would end the process. */
const tell = (entry: Entry, say: (listeners: Listeners) => void): void => {
  for (const watcher of entry.watchers) {
    try {
      say(watcher.listeners);
    } catch {
      watcher.wake();
    }
  }
};

const takeOfPrompt = (entry: Entry, message: SocketMessage): void => {
  entry.live = true;
  if (message.type === 'ending') {
    entry.ending = true;
  } else if (message.type === 'ended') {
    entry.ending = true;
    entry.ended = true;
    wakeWatchers(entry);
  } else if (message.type === 'preview') {
    tell(entry, ({ onPreview }) => onPreview?.(message.preview));
  } else {
    const progress = entry.meter.take(message);
    if (progress !== undefined) tell(entry, ({ onProgress }) => onProgress?.(progress));
  }
};

const feedOf = (entry: Entry, listeners: Listeners, forget: () => void): PromptFeed => {
  // A prompt that ended before anybody watched wakes its first watcher at once.
  let happened = entry.ended;
  let settle: (() => void) | undefined;
  const watcher: Watcher = {
    listeners,
    wake: () => {
      happened = true;
      settle?.();
    },
  };
  entry.watchers.add(watcher);
  return {
    ending: () => entry.ending,
    ended: () => entry.ended,
    takeSubmitted: () => {
      const was = entry.submitted;
      entry.submitted = false;
      return was;
    },
    wait: async (ms, signal) => {
      signal.throwIfAborted();
      if (!happened) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          settle = () => {
            clearTimeout(timer);
            resolve();
          };
          signal.addEventListener('abort', settle, { once: true });
        });
        if (settle !== undefined) signal.removeEventListener('abort', settle);
        settle = undefined;
      }
      happened = false;
      signal.throwIfAborted();
    },
    close: (done) => {
      entry.watchers.delete(watcher);
      if (done && entry.watchers.size === 0) forget();
    },
  };
};

/** The prompts one executor has submitted or watches. */
export const createFeeds = (): Feeds => {
  const entries = new Map<string, Entry>();
  let remaining: number | undefined;

  const entryOf = (promptId: string, graph: Graph | undefined): Entry => {
    const known = entries.get(promptId);
    if (known !== undefined) return known;
    const entry: Entry = {
      meter: createProgressMeter(graph),
      watchers: new Set(),
      submitted: false,
      live: false,
      ending: false,
      ended: false,
    };
    if (entries.size >= MAX_ENTRIES) {
      for (const [id, old] of entries) {
        if (old.watchers.size > 0) continue;
        entries.delete(id);
        break;
      }
    }
    entries.set(promptId, entry);
    return entry;
  };
  const forget = (promptId: string): void => {
    if (entries.get(promptId)?.watchers.size === 0) entries.delete(promptId);
  };

  return {
    expect: (promptId, graph) => {
      const entry = entryOf(promptId, graph);
      return {
        accepted: () => {
          entry.submitted = true;
        },
        drop: () => forget(promptId),
      };
    },
    open: (promptId, listeners = {}) => {
      const entry = entryOf(promptId, undefined);
      const known = entry.meter.current();
      if (known !== undefined) listeners.onProgress?.(known);
      return feedOf(entry, listeners, () => forget(promptId));
    },
    wakeAll: () => {
      for (const entry of entries.values()) wakeWatchers(entry);
    },
    take: (message) => {
      if (message.type !== 'status') {
        const entry = entries.get(message.promptId);
        if (entry !== undefined) takeOfPrompt(entry, message);
        return;
      }
      // A shorter queue is told to everybody: that is how the end of another client's prompt is noticed.
      const shorter = remaining !== undefined && message.remaining < remaining;
      remaining = message.remaining;
      if (!shorter) return;
      for (const entry of entries.values()) {
        if (!entry.live || entry.ending) wakeWatchers(entry);
      }
    },
  };
};
