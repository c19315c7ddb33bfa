/** Somebody who receives callbacks: logs every one that arrives and answers as the test says. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { lastingPort } from './lasting-port.ts';

export interface Received {
  readonly path: string;
  /** `webhook-id`. */
  readonly id: string;
  readonly headers: Readonly<Record<string, string>>;
  /** As it came: what the signature is over. */
  readonly text: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** What it was answered; undefined while it is held. */
  status: number | undefined;
}

type Answer = (received: Received, response: ServerResponse) => number | undefined;

export interface CallbackReceiver {
  readonly url: string;
  readonly received: readonly Received[];
  /** Decides the status of what arrives from now on; without a status the answer is the test's to send. (Default: 204) */
  answer(answer: Answer): void;
  /** Webhook ids that were answered with 2xx, each once, in the order of their first such answer. */
  accepted(path: string): string[];
  close(): Promise<void>;
}

/** Starts a receiver on loopback. `given`: where one was before that went away. */
export async function startCallbackReceiver(given?: number): Promise<CallbackReceiver> {
  const port = given ?? (await lastingPort());
  const received: Received[] = [];
  let answer: Answer = () => 204;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const one: Received = {
        path: request.url ?? '',
        id: String(request.headers['webhook-id']),
        headers: request.headers as Record<string, string>,
        text,
        body: JSON.parse(text) as Record<string, unknown>,
        status: undefined,
      };
      received.push(one);
      one.status = answer(one, response);
      if (one.status !== undefined) response.writeHead(one.status).end();
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    answer(next) {
      answer = next;
    },
    accepted: (path) => [
      ...new Set(
        received
          .filter((one) => one.path === path && one.status !== undefined && one.status < 300)
          .map(({ id }) => id),
      ),
    ],
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
