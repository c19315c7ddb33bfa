/** A client of ComfyUI's own API: https://docs.comfy.org/development/comfyui-server/comms_routes */
import { setTimeout as delay } from 'node:timers/promises';
import type { Graph } from '../src/domain/graphs/graph.ts';

interface HistoryEntry {
  readonly prompt: readonly [number, string, Graph, ...unknown[]];
  readonly status: {
    readonly status_str: string;
    readonly messages: readonly (readonly [string, { readonly timestamp: number }])[];
  };
}

/** One prompt in the server's own books; times are of its clock, in milliseconds since the epoch. */
export interface DrawnPrompt {
  readonly promptId: string;
  readonly graph: Graph;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
}

const LOOK_EVERY_MS = 5;

async function readJson<T>(response: Response): Promise<T> {
  if (response.ok) return (await response.json()) as T;
  throw new Error(`${response.url} answered ${response.status}: ${await response.text()}`);
}

/** Calls to the server at that address. All throw when it does not answer as asked. */
export function createComfyClient(url: string) {
  const get = async <T>(path: string): Promise<T> => readJson<T>(await fetch(`${url}${path}`));
  const remaining = async (): Promise<number> => {
    const { exec_info: info } = await get<{ exec_info: { queue_remaining: number } }>('/prompt');
    return info.queue_remaining;
  };
  return {
    remaining,
    async post(graph: Graph): Promise<void> {
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify({ prompt: graph });
      await readJson(await fetch(`${url}/prompt`, { method: 'POST', headers, body }));
    },
    async untilEmpty(): Promise<void> {
      while ((await remaining()) > 0) await delay(LOOK_EVERY_MS);
    },
    historySize: async (): Promise<number> => Object.keys(await get<object>('/history')).length,
    async drawn(promptId: string): Promise<DrawnPrompt> {
      const entry = (await get<Record<string, HistoryEntry>>(`/history/${promptId}`))[promptId];
      if (!entry) throw new Error(`${url} has no prompt ${promptId} in its history`);
      const { status_str: state, messages } = entry.status;
      const timeOf = (name: string): number => {
        const found = messages.find(([type]) => type === name);
        if (found) return found[1].timestamp;
        throw new Error(`prompt ${promptId} has no ${name}: it ended as ${state}`);
      };
      return {
        promptId,
        graph: entry.prompt[2],
        startedAtMs: timeOf('execution_start'),
        endedAtMs: timeOf('execution_success'),
      };
    },
  };
}
