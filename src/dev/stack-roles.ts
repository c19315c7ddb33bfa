import { roleOptions, type Environment, type StackOptions } from './stack-options.ts';
import { settled } from './settled.ts';
import { startRoleProcess } from './stack-part.ts';

export interface Roles {
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts api and workers side by side. */
export async function startRoles(options: StackOptions, env: Environment): Promise<Roles> {
  const start = () =>
    settled([
      startRoleProcess(roleOptions(options, 'api', env)),
      startRoleProcess(roleOptions(options, 'worker', env)),
    ]);
  let running = await start();
  const stop = async (): Promise<void> => {
    await Promise.all(running.map((role) => role.process.stop()));
  };
  return {
    stop,
    async restart() {
      await stop();
      running = await start();
    },
  };
}
