/** What answers where a ComfyUI is expected, and what is wrong when that is none. */
import { type ComfyHttp, REFUSED_CALLER } from '../../executors/comfyui/http.ts';
import { type HttpResponse, readText } from '../../executors/comfyui/http-response.ts';
import { asArray, asObject, asString, parseJson } from '../../executors/comfyui/json-read.ts';
import { shownAddress } from '../../executors/comfyui/urls.ts';
import { OLDEST_COMFYUI, isTooOld } from '../../executors/comfyui/version.ts';
import { messageOf } from '../../errors.ts';
import { Unwell } from './finding.ts';
import { networkFault } from './network-fault.ts';

export interface Door {
  readonly http: ComfyHttp;
  readonly url: URL;
  /** Whether calls carry any. */
  readonly credentials: boolean;
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly header: HttpResponse['header'];
}

const STATS_LIMIT = 1_048_576;
const BEHIND_A_PROXY: ReadonlySet<number> = new Set([502, 503, 504]);

const ask = ({ http, url }: Door): Promise<Answer> =>
  http
    .call({ method: 'GET', path: '/system_stats' }, async (response) => {
      const { text } = await readText(response, STATS_LIMIT);
      return { status: response.status, text, header: response.header };
    })
    .catch((error: unknown) => {
      throw networkFault(url, 'COMFY_HTTP_URL', error) ?? new Error(messageOf(error));
    });

const refused = ({ url, credentials }: Door, { status, header }: Answer): Unwell => {
  const wanted = header('www-authenticate');
  const seen =
    wanted === undefined ? String(status) : `${status}, it wants ${wanted.slice(0, 100)}`;
  return credentials
    ? new Unwell(
        `${url.origin} refuses the credentials (${seen})`,
        'Correct user and password in COMFY_HTTP_URL, or the headers in COMFY_HEADERS.',
      )
    : new Unwell(
        `${url.origin} lets nobody in without credentials (${seen})`,
        'Write them into the address (COMFY_HTTP_URL=http://user:password@host), or set COMFY_HEADERS.',
      );
};

/** Version and device as ComfyUI tells them. Throws `Unwell` for whatever else answers, and for one that is too old. */
export async function askStats(door: Door): Promise<{ version: string; device: string }> {
  const answer = await ask(door);
  const { origin } = door.url;
  const { status, header } = answer;
  if (REFUSED_CALLER.has(status)) throw refused(door, answer);
  const location = header('location');
  if (status >= 300 && status < 400 && location !== undefined)
    throw new Unwell(
      `${origin} sends callers on to ${shownAddress(new URL(location, door.url).href)} (${status}), as login pages do`,
      'Set COMFY_HTTP_URL to the address ComfyUI itself answers at, and COMFY_HEADERS to what its proxy lets in.',
    );
  if (BEHIND_A_PROXY.has(status))
    throw new Unwell(
      `a proxy answers at ${origin}, but ComfyUI behind it does not (${status})`,
      'Start ComfyUI, and check in the settings of the proxy where it leads.',
    );
  const stats = asObject(parseJson(answer.text));
  const system = asObject(stats?.['system']);
  if (status !== 200 || system === undefined) {
    const type = header('content-type')?.split(';')[0] ?? 'something of no type';
    throw new Unwell(
      `what answers at ${shownAddress(door.url.href)} is no ComfyUI: GET /system_stats gave ${status} ${type}`,
      'Set COMFY_HTTP_URL to the address of a ComfyUI server (usually port 8188), or unset it to simulate.',
    );
  }
  const version = asString(system['comfyui_version']);
  if (version === undefined || isTooOld(version))
    throw new Unwell(
      `ComfyUI ${version ?? 'of a version that it does not tell'} at ${origin} is too old: ${OLDEST_COMFYUI} is the oldest that works`,
      'Update ComfyUI (git pull, then pip install -r requirements.txt) and start it again.',
    );
  const device = asString(asObject(asArray(stats?.['devices'])[0])?.['name']);
  return { version, device: device ?? 'unknown device' };
}
