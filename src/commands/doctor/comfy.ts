import type { Config } from '../../config.ts';
import type { ServerSettings } from '../../config-servers/server-settings.ts';
import { createComfyHttp } from '../../executors/comfyui/http.ts';
import { comfyUrls } from '../../executors/comfyui/urls.ts';
import { askStats } from './comfy-address.ts';
import { checkModels } from './comfy-models.ts';
import { checkNodes } from './comfy-nodes.ts';
import { checkSocket } from './comfy-socket.ts';
import { readCatalogue } from './database.ts';
import { DEADLINE_MS, finding, type Finding } from './finding.ts';
import { inWordsOfList } from './listed-words.ts';

type ComfyConfig = Pick<Config, 'servers' | 'COMFY_SERVERS' | 'DATABASE_URL'>;

/** The list of all nodes takes ComfyUI long when it has many. */
const LISTS_DEADLINE_MS = 30_000;

/** The ComfyUI servers that are configured: whether each answers as one; if so, its WebSocket, nodes and models too. */
export async function checkComfy(config: ComfyConfig): Promise<readonly Finding[]> {
  if (config.servers.length === 0)
    return [await finding('ComfyUI', '', async () => 'simulated (COMFY_HTTP_URL is not set)')];
  const registered = readCatalogue(config);
  const isListed = config.COMFY_SERVERS !== undefined;
  const findings = await Promise.all(
    config.servers.map((server) => checkServer(server, isListed, registered)),
  );
  return findings.flat();
}

async function checkServer(
  server: ServerSettings,
  isListed: boolean,
  registered: ReturnType<typeof readCatalogue>,
): Promise<readonly Finding[]> {
  const what = isListed ? `ComfyUI ${server.id}` : 'ComfyUI';
  const [fault] = server.faults;
  if (fault !== undefined)
    return [{ what, well: false, says: fault, todo: 'Set it where a worker serves this server.' }];
  const urls = comfyUrls(server.httpUrl, server.wsUrl);
  const headers = { ...urls.headers, ...server.headers };
  const httpWithin = (timeoutMs: number) =>
    createComfyHttp({ serverId: server.id, base: urls.http, headers, timeoutMs });
  const unset = isListed ? 'take it off COMFY_SERVERS' : 'unset COMFY_HTTP_URL to simulate';
  const todo = `Start ComfyUI there (python main.py --listen), check with curl ${urls.http.origin}/system_stats, or ${unset}.`;
  const stats = await finding(what, todo, async () => {
    const http = httpWithin(DEADLINE_MS);
    const credentials = Object.keys(headers).length > 0;
    const { version, device } = await askStats({ http, url: urls.http, credentials });
    return `${version} at ${urls.http.origin} on ${device}`;
  });
  if (!stats.well) return [isListed ? inWordsOfList(stats, server.id) : stats];
  const http = httpWithin(LISTS_DEADLINE_MS);
  const further = await Promise.all([
    checkSocket({
      url: urls.ws,
      headers: { ...urls.wsHeaders, ...server.headers },
      variable: server.wsUrl === undefined ? 'COMFY_HTTP_URL' : 'COMFY_WS_URL',
    }),
    checkNodes(http),
    registered.then((files) => checkModels(http, files)),
  ]);
  return [
    stats,
    ...further.map((one) =>
      isListed ? inWordsOfList({ ...one, what: `${one.what} (${server.id})` }, server.id) : one,
    ),
  ];
}
