/** Files of workers without a disk in common with the API: asked for with the worker key, carried by a link for that one file. */
import { Readable } from 'node:stream';
import { z } from '@hono/zod-openapi';
import { shown } from '../contract/field-errors.ts';
import type { HeldLease } from '../db/lease-reads.ts';
import { OrchestratorError } from '../errors.ts';
import { graphKeyFor, isInputKeyOf, storageKeyFor } from '../storage/keys.ts';
import type { Transfer } from '../storage/transfer-signer.ts';
import type { ApiDeps } from './deps.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { receiveUpload } from './receive-upload.ts';
import { ServerName } from './server-name.ts';

const TAG = 'Internal';
const PATH = '/internal/transfers';

const TransferRequest = z.object({
  promptId: z.guid().transform((id) => id.toLowerCase()),
  operation: z.enum(['upload', 'download']),
  key: z.string().max(200),
  slot: z.int().min(0).max(100_000).default(0),
});
const Link = z.object({
  path: z.string().openapi({ description: 'To be called at the address of this API' }),
  maxBytes: z.int(),
});
const Stored = z.object({ bytes: z.int(), sha256: z.string() });
const text = z.string().max(300).default('');
const LinkQuery = z.object({
  key: text,
  server: text,
  prompt: text,
  max: text,
  exp: text,
  sig: text,
});

/** Endpoints through which files come and go. */
export function transferEndpoints(deps: ApiDeps): readonly Endpoint[] {
  const { leases, transferSigner, storage, config } = deps;

  /** Throws `lease_lost` for a lease that is over, and `forbidden` for one of another server. */
  const requireLease = async (serverId: string, promptId: string): Promise<HeldLease> => {
    const lease = await leases.findLease(promptId);
    if (!lease)
      throw new OrchestratorError(
        'lease_lost',
        `No lease is held for prompt ${promptId}: its attempt is over. Nothing is stored for it any more.`,
        { status: 409 },
      );
    if (lease.serverId === serverId) return lease;
    throw new OrchestratorError(
      'forbidden',
      `The lease of prompt ${promptId} is not one of server ${serverId}.`,
    );
  };

  const requireLink = (
    operation: Transfer['operation'],
    query: Readonly<Record<string, string>>,
  ): Transfer => {
    const transfer = transferSigner.verify(operation, query);
    if (typeof transfer !== 'string') return transfer;
    throw new OrchestratorError(
      'forbidden',
      transfer === 'expired'
        ? 'This link has ended. Ask for another one.'
        : `The signature of this link is wrong, or it is not one for an ${operation}.`,
    );
  };

  return [
    endpoint({
      method: 'post',
      path: '/internal/servers/{serverId}/transfers',
      access: 'worker',
      tag: TAG,
      summary: 'Ask for a link to send or fetch one file',
      description:
        'For gpu workers with STORAGE=remote; needs a worker key. A lease allows to send the outputs of its own attempt and to fetch its own graph and input files, while it is held by that server.',
      params: z.object({ serverId: ServerName }),
      body: { schema: TransferRequest },
      responses: { 200: { description: 'Good for this one file, for five minutes', schema: Link } },
      errors: [400, 401, 403, 409, 413, 415],
      async handle(c, { params: { serverId }, body: { promptId, operation, key, slot } }) {
        const lease = await requireLease(serverId, promptId);
        if (key !== allowedKey(lease, operation, key, slot))
          throw new OrchestratorError(
            'forbidden',
            `The lease of prompt ${promptId} does not allow the ${operation} of ${shown(key)}.`,
          );
        const transfer = { operation, key, serverId, promptId, maxBytes: config.MAX_OUTPUT_BYTES };
        const query = transferSigner.sign(transfer);
        return c.json({ path: `${PATH}?${query.toString()}`, maxBytes: transfer.maxBytes });
      },
    }),

    endpoint({
      method: 'put',
      path: PATH,
      access: 'signature',
      tag: TAG,
      summary: 'Send a file',
      description:
        'The body is the file as it is. It is stored as a whole or not at all, and replaces what an earlier try stored.',
      query: LinkQuery,
      responses: { 200: { description: 'Stored durably', schema: Stored } },
      errors: [400, 403, 409, 413, 507],
      async handle(c, { query }) {
        const transfer = requireLink('upload', query);
        const { serverId, promptId } = transfer;
        await requireLease(serverId, promptId);
        return c.json(
          await receiveUpload(c.req.raw, storage, {
            key: transfer.key,
            maxBytes: transfer.maxBytes,
            // Once more when all has come: a try that was given up long ago replaces nothing.
            beforeStored: async () => void (await requireLease(serverId, promptId)),
          }),
        );
      },
    }),

    endpoint({
      method: 'get',
      path: PATH,
      access: 'signature',
      tag: TAG,
      summary: 'Fetch a file',
      query: LinkQuery,
      responses: {
        200: {
          description: 'The bytes',
          schema: z.any().openapi({ type: 'string', format: 'binary' }),
          mediaType: 'application/octet-stream',
        },
      },
      errors: [400, 403, 404, 409],
      async handle(_c, { query }) {
        const transfer = requireLink('download', query);
        await requireLease(transfer.serverId, transfer.promptId);
        const stream = await storage.open(transfer.key);
        if (!stream)
          throw new OrchestratorError('not_found', `There is no file ${shown(transfer.key)}.`);
        return new Response(Readable.toWeb(stream) as ReadableStream, {
          headers: { 'content-type': 'application/octet-stream', 'cache-control': 'no-store' },
        });
      },
    }),
  ];
}

/** The key that the lease allows for this; keys are derived anew, so none leads anywhere else. */
function allowedKey(
  { jobId, runIndex, attempt, promptId }: HeldLease,
  operation: Transfer['operation'],
  key: string,
  slot: number,
): string | undefined {
  if (operation === 'download') return isInputKeyOf(jobId, key) ? key : graphKeyFor(promptId);
  const extension = /\.([a-z0-9]{1,8})$/.exec(key)?.[1];
  return extension && storageKeyFor(jobId, runIndex, attempt, slot, extension);
}
