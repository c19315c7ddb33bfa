import type { Metrics } from '../ports.ts';

/** Keeps nothing: what a process has without METRICS_PORT. */
export const silentMetrics: Metrics = {
  count: () => undefined,
  observe: () => undefined,
  addSource: () => undefined,
};
