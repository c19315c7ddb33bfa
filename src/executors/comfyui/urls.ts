import { OrchestratorError } from '../../errors.ts';

/** Where one ComfyUI server is reached. */
export interface ComfyUrls {
  /** Ends without a slash; its query, if any, belongs to every request. */
  readonly http: URL;
  readonly ws: URL;
  /** Credentials that stood in a URL, as a header; never part of the URLs or of a message. */
  readonly headers: Readonly<Record<string, string>>;
  /** The same for the WebSocket, which may have its own. */
  readonly wsHeaders: Readonly<Record<string, string>>;
}

const parse = (text: string, name: string, protocols: readonly string[]): URL => {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new OrchestratorError(
      'configuration',
      `${name} is no URL; write for example ${protocols[0] ?? 'http:'}//127.0.0.1:8188`,
    );
  }
  if (!protocols.includes(url.protocol)) {
    throw new OrchestratorError(
      'configuration',
      `${name} starts with ${url.protocol}// but must start with ${protocols.join('// or ')}//`,
    );
  }
  return url;
};

const withoutTail = (url: URL, tail: string): URL => {
  const copy = new URL(url);
  const path = copy.pathname.replace(/\/+$/, '');
  copy.pathname = path.endsWith(tail) ? path.slice(0, -tail.length) : path;
  copy.hash = '';
  return copy;
};

const swapped = (url: URL, tail: string, protocol: string): URL => {
  const copy = new URL(`${protocol}${url.href.slice(url.protocol.length)}`);
  copy.pathname = `${url.pathname.replace(/\/+$/, '')}${tail}`;
  return copy;
};

/** A lone % stays what it is. */
const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

const takeCredentials = (url: URL): string | undefined => {
  if (url.username === '' && url.password === '') return undefined;
  const pair = `${decoded(url.username)}:${decoded(url.password)}`;
  url.username = '';
  url.password = '';
  return `Basic ${Buffer.from(pair).toString('base64')}`;
};

const asHeader = (credentials: string | undefined): Readonly<Record<string, string>> =>
  credentials === undefined ? {} : { authorization: credentials };

/**
 * The two addresses of a server from either one of them: `http://host:8188`, `http://host:8188/prompt` and
 * `ws://host:8188/ws` are all understood. Throws `configuration`.
 */
export const comfyUrls = (httpUrl: string | undefined, wsUrl: string | undefined): ComfyUrls => {
  const ownWs = wsUrl === undefined ? undefined : parse(wsUrl, 'COMFY_WS_URL', ['ws:', 'wss:']);
  const ownHttp =
    httpUrl === undefined ? undefined : parse(httpUrl, 'COMFY_HTTP_URL', ['http:', 'https:']);
  if (ownHttp === undefined && ownWs === undefined) {
    throw new OrchestratorError(
      'configuration',
      'a ComfyUI server needs COMFY_HTTP_URL or COMFY_WS_URL; neither is set',
    );
  }
  const secure = (ownHttp ?? ownWs)?.protocol.endsWith('s:') === true;
  const http = withoutTail(
    ownHttp ?? swapped(withoutTail(ownWs as URL, '/ws'), '', secure ? 'https:' : 'http:'),
    '/prompt',
  );
  const ws = ownWs === undefined ? swapped(http, '/ws', secure ? 'wss:' : 'ws:') : new URL(ownWs);
  const ofHttp = takeCredentials(http);
  const ofWs = takeCredentials(ws);
  return { http, ws, headers: asHeader(ofHttp ?? ofWs), wsHeaders: asHeader(ofWs ?? ofHttp) };
};

/** The address as people may read it: without credentials and query. */
export const shownAddress = (text: string): string => {
  const { origin, pathname } = new URL(text);
  return `${origin}${pathname.replace(/\/+$/, '')}`;
};

/** `path` under the server's address, with the query of both. */
export const endpoint = (
  base: URL,
  path: string,
  query: Readonly<Record<string, string>> = {},
): URL => {
  const url = new URL(base);
  url.pathname = `${base.pathname.replace(/\/+$/, '')}${path}`;
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url;
};
