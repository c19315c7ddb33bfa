import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decodePng } from '../../src/executors/simulator/picture/decode-png.ts';
import { call, withSimulator } from './simulator-session.ts';

const chunk = (type: string, body: Buffer): Buffer => {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, body, Buffer.alloc(4)]);
};

/** A small file that says it is a large picture; its checksums are not looked at. */
const pngOf = (width: number, height: number, content = Buffer.alloc(64)): Buffer => {
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0]);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  const signature = Buffer.from('89504e470d0a1a0a', 'hex');
  const parts = [chunk('IHDR', header), chunk('IDAT', deflateSync(content))];
  return Buffer.concat([signature, ...parts, chunk('IEND', Buffer.alloc(0))]);
};

describe('the simulator lives on after', () => {
  it.each(['//', 'http://[', '/ws', '/elsewhere'])(
    'an upgrade of %s by a client that leaves at once',
    async (target) => {
      await withSimulator({}, async ({ url }) => {
        const socket = connect(Number(new URL(url).port), '127.0.0.1');
        socket.on('error', () => undefined);
        await once(socket, 'connect');
        socket.write(
          `GET ${target} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`,
        );
        socket.resetAndDestroy();
        for (let look = 0; look < 3; look += 1)
          expect((await call(`${url}/queue`)).status).toBe(200);
      });
    },
  );

  it('a file that says it is a picture of more pixels than memory can hold', async () => {
    expect(() => decodePng(pngOf(40_000, 40_000))).toThrow('too many');
    expect(() => decodePng(pngOf(2, 2, Buffer.alloc(1_000_000)))).toThrow();
    await withSimulator({}, async ({ url, dataDir }) => {
      await writeFile(join(dataDir, 'input', 'bomb.png'), pngOf(40_000, 40_000));
      const gif = Buffer.concat([Buffer.from('GIF89a'), Buffer.alloc(4, 0xff), Buffer.alloc(40)]);
      await writeFile(join(dataDir, 'input', 'bomb.gif'), gif);
      for (const name of ['bomb.png', 'bomb.gif']) {
        const at = `${url}/view?type=input&filename=${name}&preview=webp`;
        expect((await call(at)).status).toBe(500);
      }
    });
  });

  it('a file name with a line break', async () => {
    await withSimulator({}, async ({ url, dataDir }) => {
      await writeFile(join(dataDir, 'input', 'a\nb.png'), 'a');
      const answer = await call(`${url}/view?type=input&filename=a%0Ab.png`);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-disposition')).toContain('a_b.png');
    });
  });
});
