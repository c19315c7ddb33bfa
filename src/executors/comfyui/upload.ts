import { posix } from 'node:path';
import { FormData } from 'undici';
import { OrchestratorError } from '../../errors.ts';
import { type Call, type ComfyHttp, unexpectedStatus } from './http.ts';
import { readText } from './http-response.ts';
import { asObject, parseJson } from './json-read.ts';

const ANSWER_LIMIT = 64 * 1024;

/**
 * Puts a file into the server's input folder; ComfyUI takes files of any kind on this path. Throws `graph_refused` when
 * it is too large for the server, and `server_error` (retryable) when the server did not keep it under its name.
 */
export const uploadInput = async (
  http: ComfyHttp,
  { name, bytes }: { readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> },
  signal?: AbortSignal,
): Promise<void> => {
  const subfolder = posix.dirname(name);
  const filename = posix.basename(name);
  const form = new FormData();
  form.set('image', new File([bytes], filename));
  form.set('type', 'input');
  form.set('subfolder', subfolder);
  form.set('overwrite', 'true');
  const spec: Call = { method: 'POST', path: '/upload/image', body: form, signal };
  await http.call(spec, async (response) => {
    if (response.status === 413)
      throw new OrchestratorError(
        'graph_refused',
        `ComfyUI ${http.serverId} takes no input file of ${bytes.length} bytes; use a smaller one or raise --max-upload-size of the server`,
      );
    if (!response.ok) throw await unexpectedStatus(http, spec, response);
    const { text } = await readText(response, ANSWER_LIMIT);
    const kept = asObject(parseJson(text));
    if (kept?.['name'] === filename && kept['subfolder'] === subfolder) return;
    throw new OrchestratorError(
      'server_error',
      `ComfyUI ${http.serverId} did not keep the input file as ${name}: ${text.slice(0, 200)}`,
      { retryable: true },
    );
  });
};
