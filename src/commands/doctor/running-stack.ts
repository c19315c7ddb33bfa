/** When a stack of this DATA_DIR runs, its own parts are what has to be checked. */
import { loadConfig, type Config } from '../../config.ts';
import { embeddedPostgresUrl } from '../../dev/embedded-postgres.ts';
import { stackPaths } from '../../dev/stack-paths.ts';
import type { StackState } from '../../dev/stack-state.ts';
import { DEADLINE_MS, Unwell, finding, type Finding } from './finding.ts';

/** The configuration with the addresses at which the parts of this stack run. */
export async function withAddressesOf(stack: StackState, config: Config): Promise<Config> {
  const { temporalAddress, comfyUrl, postgresPort } = stack;
  const folder = stackPaths(config.DATA_DIR).postgres;
  return {
    ...config,
    TEMPORAL_ADDRESS: temporalAddress,
    // The note holds no credentials; servers of the person's own are configured here too.
    ...(config.simulation && comfyUrl !== undefined
      ? { servers: loadConfig({ COMFY_HTTP_URL: comfyUrl }).servers }
      : {}),
    ...(postgresPort === undefined
      ? {}
      : { DATABASE_URL: await embeddedPostgresUrl(folder, postgresPort) }),
  };
}

interface Readiness {
  readonly dependencies?: Readonly<Record<string, { state: string; detail?: string }>>;
}

/** Whether its API answers, and what that says of each dependency. */
export const checkRunningStack = (stack: StackState, logs: string): Promise<Finding> =>
  finding('Stack', `Read ${logs}, then stop it (Ctrl-C) and start it again.`, async () => {
    const who = `process ${stack.launcher.pid} since ${stack.startedAt}`;
    const answer = await fetch(`${stack.url}/ready`, {
      signal: AbortSignal.timeout(DEADLINE_MS),
    }).catch(() => {
      throw new Error(`${who} runs, but its API does not answer at ${stack.url}`);
    });
    const { dependencies = {} } = (await answer.json()) as Readiness;
    const troubled = Object.entries(dependencies).filter(([, { state }]) => state !== 'ok');
    if (troubled.length > 0)
      throw new Unwell(
        troubled
          .map(([name, { state, detail }]) => `${name} is ${state}${detail ? ` (${detail})` : ''}`)
          .join('; '),
        `See the other lines; logs are in ${logs}.`,
      );
    return `${who}, API ready at ${stack.url}`;
  });
