/** Whether ComfyUI's WebSocket comes through, and speaks. */
import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import { REFUSED_CALLER } from '../../executors/comfyui/http.ts';
import { parseMessage } from '../../executors/comfyui/messages.ts';
import { shownAddress } from '../../executors/comfyui/urls.ts';
import { messageOf } from '../../errors.ts';
import { DEADLINE_MS, Unwell, finding, type Finding } from './finding.ts';
import { networkFault } from './network-fault.ts';

export interface SocketDoor {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** The variable that holds the address. */
  readonly variable: 'COMFY_HTTP_URL' | 'COMFY_WS_URL';
  /** Longest wait for the first message. (Default: 5 s) */
  readonly deadlineMs?: number;
}

const WITHOUT = 'Pictures are drawn without it too, but nobody sees their progress.';

/** ComfyUI greets every socket with a `status` message. */
export const checkSocket = (door: SocketDoor): Promise<Finding> => {
  const where = shownAddress(door.url.href);
  return finding('ComfyUI WebSocket', `Check COMFY_WS_URL. ${WITHOUT}`, async () => {
    await greeting(door, where);
    return `answers at ${where}`;
  });
};

async function greeting(door: SocketDoor, where: string): Promise<void> {
  const { url, headers, variable, deadlineMs = DEADLINE_MS } = door;
  const target = new URL(url);
  target.searchParams.set('clientId', `doctor-${randomUUID()}`);
  const socket = new WebSocket(target, { headers, handshakeTimeout: deadlineMs });
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      socket.on('message', (data: Buffer, binary) => {
        if (!binary && parseMessage(data.toString('utf8'))?.type === 'status') resolve();
      });
      socket.on('open', () => {
        timer = setTimeout(() => reject(silent(where, deadlineMs)), deadlineMs);
      });
      socket.on('unexpected-response', (_request, response) => {
        reject(notUpgraded(where, response.statusCode ?? 0));
      });
      socket.on('error', (error) => {
        reject(networkFault(url, variable, error) ?? noSocket(where, messageOf(error)));
      });
      socket.on('close', () => reject(noSocket(where, 'it closes at once')));
    });
  } finally {
    clearTimeout(timer);
    socket.terminate();
  }
}

const silent = (where: string, deadlineMs: number): Unwell =>
  new Unwell(
    `${where} opens, but says nothing within ${deadlineMs / 1_000} s`,
    `Let COMFY_WS_URL lead to /ws of the same ComfyUI, and let no proxy hold back what it sends. ${WITHOUT}`,
  );

const noSocket = (where: string, why: string): Unwell =>
  new Unwell(`${where} is no WebSocket: ${why}`, `Check COMFY_WS_URL. ${WITHOUT}`);

function notUpgraded(where: string, status: number): Unwell {
  if (REFUSED_CALLER.has(status))
    return new Unwell(
      `${where} refuses the credentials that HTTP was let in with (${status})`,
      `Let the proxy take the same for both, or write those of the WebSocket into COMFY_WS_URL. ${WITHOUT}`,
    );
  return new Unwell(
    `${where} does not become a WebSocket (${status})`,
    `Let the proxy pass on the headers Upgrade and Connection (docs/comfyui.md shows how), or set COMFY_WS_URL. ${WITHOUT}`,
  );
}
