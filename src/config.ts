import { isIPv4 } from 'node:net';
import type { z } from 'zod';
import { OrchestratorError } from './errors.ts';
import { withoutCredentials } from './config-servers/hidden.ts';
import { readServers, type ServerSettings } from './config-servers/server-settings.ts';
import { VARIABLES, type Values } from './config-variables.ts';

/** The process's configuration, read once at the door. */
export type Config = Values & {
  /** The ComfyUI servers this process stands at, when it is a gpu worker. */
  readonly servers: readonly ServerSettings[];
  /** True when no ComfyUI is configured: the stack starts and uses the simulator. */
  readonly simulation: boolean;
};

/**
 * Parses the environment; empty strings count as absent. Throws `configuration` naming every wrong variable, the seen
 * value (never that of a secret) and an example.
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const values: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [name, variable] of Object.entries(VARIABLES)) {
    const raw = env[name]?.trim();
    const parsed = (variable.schema as z.ZodType).safeParse(raw === '' ? undefined : raw);
    if (parsed.success) values[name] = parsed.data;
    else {
      const seen = 'secret' in variable ? '(hidden)' : `'${withoutCredentials(raw ?? '')}'`;
      const why = parsed.error.issues.map((issue) => issue.message).join('; ');
      problems.push(`${name}: seen ${seen}: ${why}. Example: ${name}=${variable.example}`);
    }
  }
  const both = [values['COMFY_HTTP_URL'], values['COMFY_WS_URL']];
  if (both[0] === undefined && both[1] !== undefined)
    problems.push(
      'COMFY_WS_URL is set but COMFY_HTTP_URL is not. Set both, or unset both to simulate.',
    );
  if (
    values['AUTH'] === 'open' &&
    !isLoopback(String(values['HOST'])) &&
    !values['ALLOW_OPEN_BIND']
  )
    problems.push(
      `HOST: '${String(values['HOST'])}' with AUTH=open would let everybody in. Set AUTH=keys, bind to 127.0.0.1, or set ALLOW_OPEN_BIND=true inside a container.`,
    );
  if (
    !isLoopback(String(values['METRICS_HOST'])) &&
    values['METRICS_KEY'] === undefined &&
    !values['ALLOW_OPEN_BIND']
  )
    problems.push(
      `METRICS_HOST: '${String(values['METRICS_HOST'])}' without METRICS_KEY would show everybody the metrics. Set METRICS_KEY, bind to 127.0.0.1, or set ALLOW_OPEN_BIND=true inside a container.`,
    );
  // What could not be read is told above; a list is read only on top of values that are right.
  const comfy =
    problems.length > 0
      ? { servers: [], problems: [] }
      : readServers(values as unknown as Values, env);
  problems.push(...comfy.problems);
  if (problems.length > 0)
    throw new OrchestratorError('configuration', `Configuration:\n  ${problems.join('\n  ')}`);
  return Object.freeze({
    ...(values as unknown as Values),
    servers: comfy.servers,
    simulation: comfy.servers.length === 0,
  });
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
