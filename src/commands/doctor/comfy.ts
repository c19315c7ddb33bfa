import type { Config } from '../../config.ts';
import { createComfyHttp } from '../../executors/comfyui/http.ts';
import { comfyUrls } from '../../executors/comfyui/urls.ts';
import { askStats } from './comfy-address.ts';
import { checkModels } from './comfy-models.ts';
import { checkNodes } from './comfy-nodes.ts';
import { checkSocket } from './comfy-socket.ts';
import { readCatalogue } from './database.ts';
import { DEADLINE_MS, finding, type Finding } from './finding.ts';

type ComfyConfig = Pick<
  Config,
  'COMFY_HTTP_URL' | 'COMFY_WS_URL' | 'COMFY_HEADERS' | 'COMFY_SERVER_ID' | 'DATABASE_URL'
>;

/** The list of all nodes takes ComfyUI long when it has many. */
const LISTS_DEADLINE_MS = 30_000;

/** The ComfyUI server that is configured: whether it answers as one; if so, its WebSocket, nodes and models too. */
export async function checkComfy(config: ComfyConfig): Promise<readonly Finding[]> {
  const { COMFY_HTTP_URL: address, COMFY_WS_URL: wsAddress, COMFY_SERVER_ID: serverId } = config;
  if (address === undefined)
    return [await finding('ComfyUI', '', async () => 'simulated (COMFY_HTTP_URL is not set)')];
  const urls = comfyUrls(address, wsAddress);
  const headers = { ...urls.headers, ...config.COMFY_HEADERS };
  const httpWithin = (timeoutMs: number) =>
    createComfyHttp({ serverId, base: urls.http, headers, timeoutMs });
  const todo = `Start ComfyUI there (python main.py --listen), check with curl ${urls.http.origin}/system_stats, or unset COMFY_HTTP_URL to simulate.`;
  const server = await finding('ComfyUI', todo, async () => {
    const http = httpWithin(DEADLINE_MS);
    const credentials = Object.keys(headers).length > 0;
    const { version, device } = await askStats({ http, url: urls.http, credentials });
    return `${version} at ${urls.http.origin} on ${device}`;
  });
  if (!server.well) return [server];
  const http = httpWithin(LISTS_DEADLINE_MS);
  return [
    server,
    ...(await Promise.all([
      checkSocket({
        url: urls.ws,
        headers: { ...urls.wsHeaders, ...config.COMFY_HEADERS },
        variable: wsAddress === undefined ? 'COMFY_HTTP_URL' : 'COMFY_WS_URL',
      }),
      checkNodes(http),
      readCatalogue(config).then((registered) => checkModels(http, registered)),
    ])),
  ];
}
