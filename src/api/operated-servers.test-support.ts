import type { OperatedServer } from '../db/fleet-operations.ts';
import type { ApiDeps } from './deps.ts';

/** A server that is up and idle, unless changed. */
export const operatedServer = (change: Partial<OperatedServer> = {}): OperatedServer => ({
  id: 'gpu-a',
  pool: 'default',
  labels: {},
  serves: {},
  room: 2,
  reachable: true,
  isReported: true,
  reportedAt: new Date('2026-01-01T00:00:00Z'),
  changedAt: new Date('2025-12-31T00:00:00Z'),
  drainingAt: null,
  downSince: null,
  error: null,
  lastError: null,
  lastErrorAt: null,
  running: 1,
  waiting: 0,
  loadedModel: 'urn:air:sd1:checkpoint:civitai:4384@128713',
  leases: 0,
  jobsPerHour: 12,
  version: '0.10.0',
  device: 'cuda:0',
  vramBytes: 24e9,
  modelFiles: 3,
  nodeClasses: 5,
  workers: [],
  ...change,
});

/** The verbs of operators over servers in memory. */
export function memoryOperations(
  all: Map<string, OperatedServer>,
  now: () => Date,
): ApiDeps['fleetOperations'] {
  return {
    listFleet: async () => [...all.values()],
    findServer: async (id) => all.get(id),
    async setDraining(id, draining) {
      const server = all.get(id);
      if (!server) return false;
      const drainingAt = draining ? (server.drainingAt ?? now()) : null;
      all.set(id, { ...server, drainingAt });
      return true;
    },
    async removeServer(id) {
      const server = all.get(id);
      if (!server) return 'unknown';
      if (server.isReported) return 'reported';
      if (server.leases > 0) return 'leased';
      all.delete(id);
      return 'removed';
    },
  };
}
