import { messageOf } from '../../src/errors.ts';
import { endpoint } from '../../src/executors/comfyui/urls.ts';
import { readRealServer, urlsOf } from './real-server.ts';

const SAMPLE = 'COMFY_REAL_URL=http://127.0.0.1:8188 npm run test:comfyui';

/** Ends the run with a sentence, before anything is started, when no ComfyUI answers where one is named. */
export default async function requireServer(): Promise<void> {
  const stop = (why: string): never => {
    process.stderr.write(`${why}\nSee docs/comfyui.md; for example: ${SAMPLE}\n`);
    process.exit(1);
  };
  const server = readRealServer(process.env);
  if (server.address === '')
    stop('These tests need a real ComfyUI; set COMFY_REAL_URL to its address.');
  const { http, headers } = urlsOf(server);
  const stats = endpoint(http, '/system_stats');
  const answer = await fetch(stats, { headers }).catch((error: unknown) =>
    stop(
      `No ComfyUI answers at ${http.origin} (COMFY_REAL_URL): ${messageOf((error as Error).cause ?? error)}.`,
    ),
  );
  if (!answer.ok)
    stop(`${http.origin} (COMFY_REAL_URL) answers /system_stats with ${answer.status}.`);
  const { system } = (await answer.json()) as { system?: { comfyui_version?: string } };
  process.stderr.write(`ComfyUI ${system?.comfyui_version ?? '(no version)'} at ${http.origin}\n`);
}
