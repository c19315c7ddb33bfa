import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { lastingPort } from './lasting-port.ts';

export interface TcpProxy {
  readonly port: number;
  /** Ends every connection and refuses new ones. */
  cut(): Promise<void>;
  /** Resets every connection, so that both sides get an error and no end. */
  reset(): void;
  /** Listens again on the same port. */
  restore(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Stands between a client and a server that shall vanish for a while. A connection whose client sends what `endsAt` finds
 * is ended instead.
 */
export async function startTcpProxy(
  target: URL,
  endsAt: (bytes: Buffer) => boolean = () => false,
): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const track = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
  };
  const open = async (port: number): Promise<Server> => {
    const server = createServer((client) => {
      const upstream = connect(Number(target.port), target.hostname);
      for (const socket of [client, upstream]) track(socket);
      client.on('data', (bytes: Buffer) => {
        if (endsAt(bytes)) client.destroy();
      });
      client.pipe(upstream).pipe(client);
      client.on('close', () => upstream.destroy());
      upstream.on('close', () => client.destroy());
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return server;
  };
  const port = await lastingPort();
  let server = await open(port);
  const cut = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return {
    port,
    cut,
    reset: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    restore: async () => {
      server = await open(port);
    },
    close: cut,
  };
}
