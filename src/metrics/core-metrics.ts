import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

const TIMEOUT_MS = 3_000;

/** A port of loopback that was free a moment ago; the Temporal SDK opens a listener of its own there. */
export async function freeLoopbackPort(): Promise<number> {
  const server = createServer().listen({ host: '127.0.0.1', port: 0, exclusive: true });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Reads what the Temporal SDK of this process shows at `address`. */
export async function readCoreMetrics(address: string): Promise<string> {
  const response = await fetch(`http://${address}/metrics`, {
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`the SDK answered ${response.status}`);
  return text;
}
