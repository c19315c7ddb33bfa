import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface PictureServer {
  /** Address of a file. */
  urlOf(name: string): string;
  close(): Promise<void>;
}

/** Serves PNG files on loopback, which a stack must be allowed to fetch from (`OUTGOING_ALLOW`). */
export async function servePictures(
  files: Readonly<Record<string, Uint8Array>>,
): Promise<PictureServer> {
  const server = createServer((request, response) => {
    const file = files[(request.url ?? '').slice(1)];
    if (file) response.writeHead(200, { 'content-type': 'image/png' }).end(file);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    urlOf: (name) => `http://127.0.0.1:${port}/${name}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}
