/** Blobs of a worker that has no disk in common with the API: every file goes through the API, by a link for that one file. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { OrchestratorError } from '../errors.ts';
import type { AttemptBlobs, LeaseName } from '../ports.ts';
import type { ApiChannel } from './api-channel.ts';

const Link = z.object({ path: z.string().startsWith('/internal/'), maxBytes: z.int() });
const Stored = z.object({ bytes: z.int(), sha256: z.string() });

/**
 * Repeating a `put` is safe: the API replaces the file as a whole, and only a file that arrived as it was sent counts. So
 * a lost answer, or an API that goes away in the middle, costs another try and nothing else.
 */
export function createRemoteBlobs(channel: ApiChannel): AttemptBlobs {
  const linkFor = ({ serverId, promptId }: LeaseName, request: object) =>
    channel.call('POST', `/internal/servers/${serverId}/transfers`, { promptId, ...request }, Link);
  return {
    async put(lease, { key, slot }, source) {
      // It may fail before anybody reads it.
      source.on('error', () => undefined);
      try {
        const { path, maxBytes } = await linkFor(lease, { operation: 'upload', key, slot });
        const hash = createHash('sha256');
        let bytes = 0;
        const measured = async function* (): AsyncGenerator<Uint8Array> {
          for await (const piece of source as AsyncIterable<Buffer>) {
            bytes += piece.length;
            if (bytes > maxBytes) throw tooLarge(maxBytes);
            hash.update(piece);
            yield piece;
          }
        };
        const stored = await channel.upload(path, measured(), Stored);
        const sent = { bytes, sha256: hash.digest('hex') };
        if (stored.bytes === sent.bytes && stored.sha256 === sent.sha256) return sent;
        throw new OrchestratorError(
          'unavailable',
          `The API stored ${stored.bytes} bytes (SHA-256 ${stored.sha256.slice(0, 12)}…) where ${sent.bytes} (${sent.sha256.slice(0, 12)}…) were sent: something between changed them. This is tried again.`,
          { retryable: true },
        );
      } finally {
        source.destroy();
      }
    },

    async open(lease, key) {
      const { path } = await linkFor(lease, { operation: 'download', key });
      return channel.download(path);
    },
  };
}

const tooLarge = (maxBytes: number): OrchestratorError =>
  new OrchestratorError(
    'output_invalid',
    `The output is larger than the ${maxBytes} bytes that the API takes (MAX_OUTPUT_BYTES).`,
  );
