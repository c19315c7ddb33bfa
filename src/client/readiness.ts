import type { Client } from '@temporalio/client';
import type { Sql } from '../db/connect.ts';
import type { CountServers } from '../db/servers.ts';
import { withDeadline } from '../deadline.ts';
import { messageOf } from '../errors.ts';
import type { BlobStore } from '../ports.ts';

export interface Dependency {
  readonly state: 'ok' | 'degraded' | 'down';
  readonly detail?: string;
}

export interface ReadinessDeps {
  readonly sql: Sql;
  readonly client: Client;
  readonly countServers: CountServers;
  readonly storage: Pick<BlobStore, 'freeBytes'>;
  readonly minFreeBytes: number;
}

const DEADLINE_MS = 2_000;

/**
 * State of every dependency. Without the database or disk nothing can be accepted (`down`); without Temporal or a
 * ComfyUI server jobs are accepted and wait (`degraded`).
 */
export function createReadiness(deps: ReadinessDeps) {
  const check = async (
    otherwise: 'degraded' | 'down',
    look: () => Promise<Dependency>,
  ): Promise<Dependency> => {
    try {
      return await withDeadline(look(), DEADLINE_MS, 'no answer');
    } catch (error) {
      return { state: otherwise, detail: messageOf(error) };
    }
  };

  const database = async (): Promise<Dependency> => {
    await deps.sql`select 1`;
    return { state: 'ok' };
  };
  const temporal = async (): Promise<Dependency> => {
    await deps.client.connection.withDeadline(Date.now() + DEADLINE_MS, () =>
      deps.client.workflowService.getSystemInfo({}),
    );
    return { state: 'ok' };
  };
  const comfyui = async (): Promise<Dependency> => {
    const { known, live } = await deps.countServers();
    return { state: live > 0 ? 'ok' : 'degraded', detail: `${live} of ${known} servers answer` };
  };
  const storage = async (): Promise<Dependency> => {
    const free = await deps.storage.freeBytes();
    if (free === undefined) return { state: 'ok' };
    const detail = `${Math.floor(free / 1_048_576)} MiB free`;
    if (free >= deps.minFreeBytes) return { state: 'ok', detail };
    return { state: 'down', detail: `${detail}: below MIN_FREE_BYTES, no jobs are accepted` };
  };

  return async (): Promise<Record<string, Dependency>> => {
    const [db, engine, gpus, disk] = await Promise.all([
      check('down', database),
      check('degraded', temporal),
      check('degraded', comfyui),
      check('down', storage),
    ]);
    return { database: db, temporal: engine, comfyui: gpus, storage: disk };
  };
}
