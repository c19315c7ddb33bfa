import type { Lease } from '../domain/job.ts';
import type { Metrics, PromptState } from '../ports.ts';

export interface DrawingClock {
  /** The prompt of this lease is being drawn. */
  onProgress(lease: Lease): void;
  /** The server is through with it. */
  onDrawn(lease: Lease, state: PromptState): void;
}

interface Drawing {
  readonly startedAtMs: number;
  /** Time that was counted while it drew. */
  countedMs: number;
}

interface ServerClock {
  readonly drawing: Map<string, Drawing>;
  endedAtMs?: number;
  model?: string;
}

/** A collect that is tried again tells its end again. */
const REMEMBERED = 1_000;

/**
 * Times what servers of a pool draw: busy time, gaps and models. It knows the drawings of this process only; busy times
 * of several workers at one server add up.
 */
export function createDrawingClock(
  metrics: Metrics,
  pool: string,
  now: () => number = Date.now,
): DrawingClock {
  const servers = new Map<string, ServerClock>();
  const ended = new Set<string>();

  const clockOf = (server: string): ServerClock => {
    const clock = servers.get(server) ?? { drawing: new Map<string, Drawing>() };
    servers.set(server, clock);
    return clock;
  };

  const countUpTo = (server: string, drawing: Drawing, totalMs: number): void => {
    const more = totalMs - drawing.countedMs;
    if (more <= 0) return;
    metrics.count('drawingSeconds', { server, pool }, more / 1_000);
    drawing.countedMs = totalMs;
  };

  // A drawing of half an hour shall not show as idle until it ends.
  metrics.addSource('drawings', async () => {
    for (const [server, { drawing }] of servers)
      for (const running of drawing.values())
        countUpTo(server, running, now() - running.startedAtMs);
    return [];
  });

  const noteGap = (lease: Lease, clock: ServerClock, startedAtMs: number): void => {
    const { endedAtMs } = clock;
    const waitingSinceMs = Date.parse(lease.waitingSince ?? '');
    // Without somebody who waited, an idle server is no gap.
    if (endedAtMs === undefined || !(waitingSinceMs <= endedAtMs)) return;
    const gapMs = Math.max(0, startedAtMs - endedAtMs);
    metrics.observe('idleGap', { server: lease.serverId, pool }, gapMs / 1_000);
  };

  return {
    onProgress(lease) {
      const { drawing } = clockOf(lease.serverId);
      if (drawing.has(lease.promptId) || ended.has(lease.promptId)) return;
      drawing.set(lease.promptId, { startedAtMs: now(), countedMs: 0 });
    },

    onDrawn(lease, state) {
      if (ended.has(lease.promptId)) return;
      remember(ended, lease.promptId);
      const { serverId: server, promptId } = lease;
      const clock = clockOf(server);
      const seen = clock.drawing.get(promptId);
      clock.drawing.delete(promptId);
      const endedAtMs = now();
      const drawnMs =
        state.state === 'succeeded' ? state.executionMs : seen && endedAtMs - seen.startedAtMs;
      metrics.count('drawings', { server, pool, outcome: state.state });
      if (drawnMs !== undefined) {
        const drawing = seen ?? { startedAtMs: endedAtMs - drawnMs, countedMs: 0 };
        countUpTo(server, drawing, drawnMs);
        noteGap(lease, clock, endedAtMs - drawnMs);
      }
      if (lease.model !== undefined) {
        const model = clock.model === lease.model ? 'warm' : 'swap';
        metrics.count('modelUses', { server, pool, model });
        clock.model = lease.model;
      }
      clock.endedAtMs = endedAtMs;
    },
  };
}

function remember(ended: Set<string>, promptId: string): void {
  ended.add(promptId);
  if (ended.size > REMEMBERED) for (const oldest of ended) return void ended.delete(oldest);
}
