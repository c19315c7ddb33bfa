import { roleOptions, type Environment, type StackOptions } from './stack-options.ts';
import { settled } from './settled.ts';
import { startRoleProcess, type RoleProcess } from './stack-part.ts';
import type { StackPorts } from './stack-ports.ts';

export interface Roles {
  readonly port: number;
  /** Stops both and starts them again, the API on the same port. Waits for an earlier restart. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts api and workers side by side; when one fails, the other is stopped again. */
export async function startRoles(
  options: StackOptions,
  env: Environment,
  ports: StackPorts,
): Promise<Roles> {
  let running: RoleProcess[] = [];
  const keep = async (starting: Promise<RoleProcess>): Promise<void> => {
    running.push(await starting);
  };
  const stop = async (): Promise<void> => {
    await Promise.all(running.map((role) => role.process.stop()));
    running = [];
  };
  const startOn = async (apiPort: number): Promise<void> => {
    const api = startRoleProcess(roleOptions(options, 'api', { ...env, PORT: String(apiPort) }));
    const worker = startRoleProcess(roleOptions(options, 'worker', workerEnv(options, env)));
    try {
      await settled([keep(api), keep(worker)]);
    } catch (error) {
      await stop();
      throw error;
    }
  };
  const port = await ports.open('PORT', async (chosen) => {
    await startOn(chosen);
    return chosen;
  });
  let last: Promise<void> = Promise.resolve();
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  };
  return {
    port,
    stop: () => inTurn(stop),
    restart: () =>
      inTurn(async () => {
        await stop();
        options.signal.throwIfAborted();
        await startOn(port);
      }),
  };
}

/** Two processes cannot share a port: the workers' metrics are on the one behind the API's. */
const workerEnv = ({ config: { METRICS_PORT } }: StackOptions, env: Environment): Environment =>
  METRICS_PORT ? { ...env, METRICS_PORT: String(METRICS_PORT + 1) } : env;
