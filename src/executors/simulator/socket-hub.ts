import { randomUUID } from 'node:crypto';
import type { WebSocket } from 'ws';
import { isRecord } from './graph/prompt-graph.ts';

interface PreviewMetadata {
  readonly node_id: string;
  readonly prompt_id: string;
  readonly display_node_id: string;
  readonly parent_node_id: string | null;
  readonly real_node_id: string;
}

export interface SocketHub {
  accept(socket: WebSocket, clientId: string | undefined): void;
  /** To the socket registered under that id, or to all. Frames for an unknown id are dropped. */
  send(event: string, data: object, sid: string | undefined): void;
  /** Event 4 if that connection negotiated it, sent ahead of `progress`; `legacy` sends event 1, after it. */
  sendPreview(
    jpeg: Buffer,
    metadata: PreviewMetadata,
    sid: string | undefined,
    legacy: boolean,
  ): void;
  hasListener(sid: string | undefined): boolean;
  silence(on: boolean): void;
  /** Cuts every connection without a closing handshake. */
  dropAll(): void;
}

export interface SocketHubDeps {
  queueInfo(): object;
  features(): object;
  /** Client and node of the running prompt, for a client that comes back. */
  running(): { readonly clientId: string | undefined; readonly nodeId: string | undefined };
}

const MAX_BACKLOG_BYTES = 64 * 1024 * 1024;

const withHeader = (event: number, parts: readonly Uint8Array[]): Buffer => {
  const header = Buffer.alloc(4);
  header.writeUInt32BE(event);
  return Buffer.concat([header, ...parts]);
};

const uint32 = (value: number): Buffer => {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(value);
  return out;
};

/** The sockets by client id, with the original's one-socket-per-id rule and its orphan bug. */
export const createSocketHub = (deps: SocketHubDeps): SocketHub => {
  const sockets = new Map<string, WebSocket>();
  const flags = new Map<string, Record<string, unknown>>();
  /** Every open connection, also those whose id was taken over. */
  const open = new Set<WebSocket>();
  let silent = false;

  const write = (socket: WebSocket, frame: string | Buffer): void => {
    if (silent || socket.readyState !== socket.OPEN) return;
    // A reader that stopped must not fill this process's memory.
    if (socket.bufferedAmount > MAX_BACKLOG_BYTES) socket.terminate();
    else socket.send(frame);
  };
  const targets = (sid: string | undefined): WebSocket[] => {
    if (sid === undefined) return [...sockets.values()];
    const socket = sockets.get(sid);
    return socket ? [socket] : [];
  };
  const wantsMetadata = (sid: string | undefined): boolean =>
    sid !== undefined && flags.get(sid)?.['supports_preview_metadata'] === true;

  const send = (event: string, data: object, sid: string | undefined): void => {
    const receivers = targets(sid);
    if (receivers.length === 0) return;
    const frame = JSON.stringify({ type: event, data });
    for (const socket of receivers) write(socket, frame);
  };

  const readFirstMessage = (sid: string, text: string): boolean => {
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      // Not JSON: the original only logs it, and the next message still counts as the first.
      return false;
    }
    if (isRecord(message) && message['type'] === 'feature_flags') {
      flags.set(sid, isRecord(message['data']) ? message['data'] : {});
      send('feature_flags', deps.features(), sid);
    }
    return true;
  };

  return {
    accept: (socket, clientId) => {
      const sid = clientId ?? randomUUID().replaceAll('-', '');
      sockets.set(sid, socket);
      flags.set(sid, {});
      open.add(socket);
      let negotiated = false;
      socket.on('message', (data: Buffer, isBinary: boolean) => {
        if (!negotiated && !isBinary) negotiated = readFirstMessage(sid, data.toString('utf8'));
      });
      socket.on('error', () => socket.terminate());
      socket.on('close', () => {
        open.delete(socket);
        // Also unregisters a newer socket of the same id, as the original does
        // (https://github.com/Comfy-Org/ComfyUI/pull/16120).
        sockets.delete(sid);
        flags.delete(sid);
      });
      send('status', { status: deps.queueInfo(), sid }, sid);
      const { clientId: runningClient, nodeId } = deps.running();
      if (runningClient === sid && nodeId !== undefined) send('executing', { node: nodeId }, sid);
    },
    send,
    sendPreview: (jpeg, metadata, sid, legacy) => {
      if (wantsMetadata(sid) === legacy) return;
      const json = Buffer.from(JSON.stringify({ ...metadata, image_type: 'image/jpeg' }));
      const frame = legacy
        ? withHeader(1, [uint32(1), jpeg])
        : withHeader(4, [uint32(json.length), json, jpeg]);
      for (const socket of targets(sid)) write(socket, frame);
    },
    hasListener: (sid) => targets(sid).length > 0,
    silence: (on) => {
      silent = on;
    },
    dropAll: () => {
      for (const socket of open) socket.terminate();
    },
  };
};
