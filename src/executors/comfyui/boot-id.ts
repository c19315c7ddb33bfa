import { createHash, randomUUID } from 'node:crypto';
import { FormData } from 'undici';
import { type Call, type ComfyHttp, unexpectedStatus } from './http.ts';
import { readText } from './http-response.ts';
import { asArray, asLabel, asObject, asString } from './json-read.ts';

/** ComfyUI empties its temp directory at every start, so a file put there lives as long as the process. */
const MARKER = 'orchestrator-start-marker.txt';
const MARKER_LIMIT = 200;
const UNMARKED = 'unmarked';

const readMarker = async (
  http: ComfyHttp,
  signal: AbortSignal | undefined,
): Promise<string | undefined> => {
  const query = { filename: MARKER, type: 'temp' };
  const spec: Call = { method: 'GET', path: '/view', query, signal };
  return http.call(spec, async (response) => {
    // A server that fails for a moment must not look like one that was restarted.
    if (response.status >= 500) throw await unexpectedStatus(http, spec, response);
    const { text } = await readText(response, MARKER_LIMIT);
    // A page in place of the file is no marker.
    return response.ok && text !== '' ? asLabel(text.trim()) : undefined;
  });
};

const writeMarker = async (http: ComfyHttp, signal: AbortSignal | undefined): Promise<void> => {
  const form = new FormData();
  form.set('image', new File([randomUUID()], MARKER, { type: 'text/plain' }));
  form.set('type', 'temp');
  await http.call({ method: 'POST', path: '/upload/image', body: form, signal }, (response) =>
    readText(response, 1024),
  );
};

const flaggedId = (argv: readonly string[]): string | undefined => {
  for (const [index, word] of argv.entries()) {
    const pair = word.startsWith('--feature-flag=')
      ? word.slice('--feature-flag='.length)
      : word === '--feature-flag'
        ? (argv[index + 1] ?? '')
        : '';
    if (pair.startsWith('boot_id=')) return asLabel(pair.slice('boot_id='.length));
  }
  return undefined;
};

/**
 * An id that changes when the server process was restarted. ComfyUI has none, so it is, in this order: the
 * `--feature-flag boot_id=…` the server was started with; or a hash of its command line plus a marker file that the
 * first caller uploads into the temp directory, which every start empties. Not detected: a restart with the same
 * command line behind a proxy that refuses uploads. Wrongly seen as one: somebody empties the temp directory, or
 * another server that shares it starts. Throws `server_unreachable`, `server_error`.
 */
export const readBootId = async (
  http: ComfyHttp,
  stats: unknown,
  signal?: AbortSignal,
): Promise<string> => {
  const argv = asArray(asObject(asObject(stats)?.['system'])?.['argv']).map(
    (word) => asString(word) ?? '',
  );
  const flagged = flaggedId(argv);
  if (flagged !== undefined && flagged !== '') return flagged;
  const command = createHash('sha256').update(JSON.stringify(argv)).digest('hex').slice(0, 12);
  let marker = await readMarker(http, signal);
  if (marker === undefined) {
    // If two write at once, the server renames the second file, and both read the first.
    await writeMarker(http, signal);
    marker = await readMarker(http, signal);
  }
  return `${command}.${marker ?? UNMARKED}`;
};
