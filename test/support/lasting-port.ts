import { randomInt } from 'node:crypto';
import { isPortFree } from '../../src/dev/ports.ts';

const FIRST = 10_000;
const END = 20_000;

/**
 * A port for what is stopped and started again at the same place. The system gives ports above 32,767 to whoever asks for
 * any, also to outgoing connections, and could give one of those away meanwhile; these it leaves alone. Drawn at
 * random, for other files and other runs on the same machine.
 */
export async function lastingPort(host = '127.0.0.1'): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, END);
    if (await isPortFree(host, port)) return port;
  }
}
