/** The ComfyUI servers that the environment names, by COMFY_SERVERS or by the variables for a single one. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { headerFault } from '../config-groups/variable.ts';
import type { Ecosystem } from '../domain/generation.ts';
import { parseServerList } from './parse-server-list.ts';
import type { ListedServer } from './server-list-schema.ts';

/** What a server may serve; a list that is absent means everything. */
export interface Serves {
  readonly ecosystems?: readonly Ecosystem[];
}

export interface ServerSettings {
  readonly id: string;
  readonly httpUrl: string;
  readonly wsUrl?: string;
  readonly pool: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Secret: sent with every request and the WebSocket handshake. */
  readonly headers: Readonly<Record<string, string>>;
  readonly room: 'auto' | number;
  readonly serves: Serves;
  /** Counts instead of what the server says, in bytes. */
  readonly vramBytes?: number;
  /** What messages for operators call its settings, when they are in a list. */
  readonly setIn?: { readonly address: string; readonly credentials: string };
  /** Why this server cannot be talked to: variables that its headers need and that are not set here. */
  readonly faults: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The values of the variables for servers, as far as they could be read. */
export interface ServerVariables {
  readonly COMFY_SERVERS: string | undefined;
  readonly COMFY_SERVE: readonly string[] | undefined;
  readonly COMFY_HTTP_URL: string | undefined;
  readonly COMFY_WS_URL: string | undefined;
  readonly COMFY_HEADERS: Readonly<Record<string, string>> | undefined;
  readonly COMFY_SERVER_ID: string;
  readonly COMFY_POOL: string;
  readonly COMFY_ROOM: 'auto' | number;
}

export interface ReadServers {
  readonly servers: readonly ServerSettings[];
  readonly problems: readonly string[];
}

/** Only for a single server; with a list of them they would have no meaning. */
const OF_ONE = ['COMFY_HTTP_URL', 'COMFY_WS_URL', 'COMFY_HEADERS', 'COMFY_SERVER_ID'] as const;
const BYTES_PER_GIB = 1_073_741_824;

/** Reads them; faults come as text that holds no secret. Reads the file that COMFY_SERVERS names. */
export function readServers(values: ServerVariables, env: Environment): ReadServers {
  if (values.COMFY_SERVERS === undefined)
    return chosen({ servers: single(values), problems: [] }, values);
  const both = OF_ONE.filter((name) => (env[name]?.trim() ?? '') !== '');
  if (both.length > 0)
    return refused(
      `COMFY_SERVERS and ${both.join(', ')} are set at once. Unset ${both.join(', ')}, or unset COMFY_SERVERS and use a single server.`,
    );
  return chosen(listed(values.COMFY_SERVERS, values, env), values);
}

const refused = (...problems: readonly string[]): ReadServers => ({ servers: [], problems });

function single(values: ServerVariables): ServerSettings[] {
  if (values.COMFY_HTTP_URL === undefined) return [];
  return [
    {
      id: values.COMFY_SERVER_ID,
      httpUrl: values.COMFY_HTTP_URL,
      ...(values.COMFY_WS_URL === undefined ? {} : { wsUrl: values.COMFY_WS_URL }),
      pool: values.COMFY_POOL,
      labels: {},
      headers: values.COMFY_HEADERS ?? {},
      room: values.COMFY_ROOM,
      serves: {},
      faults: [],
    },
  ];
}

function listed(given: string, values: ServerVariables, env: Environment): ReadServers {
  const inline = /^[[{]/.test(given);
  const where = inline ? 'COMFY_SERVERS' : `COMFY_SERVERS ${resolve(given)}`;
  let text = given;
  if (!inline)
    try {
      text = readFileSync(given, 'utf8');
    } catch (error) {
      const code = String((error as { code?: unknown }).code);
      return refused(
        `${where}: cannot be read (${code}). Give the path of a JSON or YAML file, or the JSON itself, starting with [ or {.`,
      );
    }
  const parsed = parseServerList(text);
  if ('problems' in parsed)
    return refused(
      ...parsed.problems.map((problem) => `${where}: ${problem}`),
      'docs/servers.md has the format and an example.',
    );
  return {
    servers: parsed.list.servers.map((server) => settingsOf(server, values, env)),
    problems: [],
  };
}

function settingsOf(
  server: ListedServer,
  values: ServerVariables,
  env: Environment,
): ServerSettings {
  const { headers, faults } = readHeaders(server, env);
  const { ecosystems } = server.serves ?? {};
  return {
    id: server.id,
    httpUrl: server.url,
    ...(server.ws === undefined ? {} : { wsUrl: server.ws }),
    pool: server.pool ?? values.COMFY_POOL,
    labels: server.labels ?? {},
    headers,
    room: server.room ?? values.COMFY_ROOM,
    serves: ecosystems ? { ecosystems } : {},
    ...(server.vramGiB === undefined
      ? {}
      : { vramBytes: Math.round(server.vramGiB * BYTES_PER_GIB) }),
    setIn: settingNames(server),
    faults,
  };
}

function settingNames({ id, headers = {}, credentials }: ListedServer) {
  const variables = [credentials, ...Object.values(headers)].flatMap((one) => one?.env ?? []);
  return {
    address: `url of ${id} in COMFY_SERVERS`,
    credentials:
      variables.length > 0
        ? `${variables.join(' and ')}, named for ${id} in COMFY_SERVERS`
        : `credentials or headers of ${id} in COMFY_SERVERS`,
  };
}

/** A variable that is missing here is no fault of the list: only a worker that serves this server needs its value. */
function readHeaders(
  { id, headers = {}, credentials }: ListedServer,
  env: Environment,
): Pick<ServerSettings, 'headers' | 'faults'> {
  const read: Record<string, string> = {};
  const faults: string[] = [];
  const take = (header: string, variable: string, build: (value: string) => string): void => {
    const value = env[variable]?.trim() ?? '';
    const fault = value === '' ? undefined : headerFault(header, build(value));
    if (value === '')
      faults.push(`${id}: ${variable} is not set, which holds its ${header} header.`);
    else if (fault !== undefined)
      faults.push(`${id}: ${fault} (its value is that of ${variable}).`);
    else read[header.toLowerCase()] = build(value);
  };
  if (credentials)
    take(
      'authorization',
      credentials.env,
      (value) => `Basic ${Buffer.from(value).toString('base64')}`,
    );
  for (const [name, { env: variable }] of Object.entries(headers))
    take(name, variable, (value) => value);
  return { headers: read, faults };
}

/** Only those that COMFY_SERVE names. */
function chosen(read: ReadServers, { COMFY_SERVE: names }: ServerVariables): ReadServers {
  if (names === undefined || read.problems.length > 0) return read;
  const known = read.servers.map(({ id }) => id);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    return refused(
      `COMFY_SERVE: there is no server ${unknown.join(', ')}; known are ${known.join(', ') || 'none'}. Correct it, or add it to COMFY_SERVERS.`,
    );
  return { servers: read.servers.filter(({ id }) => names.includes(id)), problems: [] };
}
