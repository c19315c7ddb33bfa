import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** Stands between a worker and the API. */
export interface UploadGate {
  readonly url: string;
  /** The next upload is let through to its first bytes and no further; resolves when it hangs there. */
  holdNextUpload(): Promise<void>;
  /** The next upload goes through, but its answer is cut; resolves then. */
  loseNextAnswer(): Promise<void>;
  close(): Promise<void>;
}

const UPLOAD = 'PUT /internal/transfers';
const HEAD_END = '\r\n\r\n';
/** Some of the body, so that it is the body that breaks off. */
const BODY_BYTES = 16;

/** Passes bytes on until it is told to misbehave. */
export async function startUploadGate(target: URL): Promise<UploadGate> {
  const sockets = new Set<Socket>();
  let next: { readonly kind: 'hold' | 'lose'; done(): void } | undefined;
  const server = createServer((worker) => {
    const api = connect(Number(target.port), target.hostname);
    let fault: typeof next;
    for (const socket of [worker, api]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        worker.destroy();
        api.destroy();
      });
    }
    worker.on('data', (chunk) => {
      if (fault?.kind === 'hold') return;
      if (next && chunk.includes(UPLOAD)) {
        fault = next;
        next = undefined;
        if (fault.kind === 'hold') {
          api.write(chunk.subarray(0, chunk.indexOf(HEAD_END) + HEAD_END.length + BODY_BYTES));
          return fault.done();
        }
      }
      api.write(chunk);
    });
    api.on('data', (chunk) => {
      if (fault?.kind !== 'lose') return void worker.write(chunk);
      worker.destroy();
      fault.done();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const expect = (kind: 'hold' | 'lose'): Promise<void> =>
    new Promise((done) => (next = { kind, done }));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    holdNextUpload: () => expect('hold'),
    loseNextAnswer: () => expect('lose'),
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
