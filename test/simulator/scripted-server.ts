import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface ScriptedServer {
  readonly url: string;
  readonly received: readonly Received[];
  close(): Promise<void>;
}

/** What to answer: a status and a JSON value, or raw text. */
export type Reply = readonly [status: number, body: unknown] | { readonly text: string };

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
};

/** A server that says what the test wants, for answers that no well-behaved ComfyUI gives. Unanswered paths are 404. */
export const startScriptedServer = async (
  script: (call: Received) => Reply | undefined,
): Promise<ScriptedServer> => {
  const received: Received[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url: path = '', headers } = request;
    const call = { method, path, headers, body: await bodyOf(request) };
    received.push(call);
    const reply = script(call) ?? [404, ''];
    if ('text' in reply) response.end(reply.text);
    else response.writeHead(reply[0]).end(JSON.stringify(reply[1]));
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
