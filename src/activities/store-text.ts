import { Readable } from 'node:stream';
import type { Lease, StoredOutput } from '../domain/job.ts';
import { readTextResult, type TextOutput } from '../domain/text-result.ts';
import { OrchestratorError } from '../errors.ts';
import type { AttemptBlobs, OutputText } from '../ports.ts';
import { storageKeyFor, TEXT_EXTENSION } from '../storage/keys.ts';
import { storableText } from './storable-text.ts';

/** What is longer travels through the blob store only. */
const INLINE_BYTES = 64 * 1024;
const SHOWN = 200;

/**
 * Stores what a node said as a JSON file under the attempt's own key; a repetition replaces it. Throws
 * `execution_failed` when the node said nothing, or something else.
 */
export async function storeText(
  storage: Pick<AttemptBlobs, 'put'>,
  lease: Lease,
  { nodeId, form }: TextOutput,
  texts: readonly OutputText[] = [],
): Promise<StoredOutput[]> {
  const said = texts.find((one) => one.nodeId === nodeId)?.text;
  const where = `Prompt ${lease.promptId} on ${lease.serverId}`;
  if (said === undefined)
    throw new OrchestratorError(
      'execution_failed',
      `${where} ended and node ${nodeId} gave no text (or too long a one): another release of its custom nodes may be installed there.`,
    );
  const text = readTextResult(form, storableText(said, said.length));
  if (text === undefined)
    throw new OrchestratorError(
      'execution_failed',
      `${where} ended and what node ${nodeId} gave is not the expected ${form.kind}: ${JSON.stringify(storableText(said, SHOWN))}`,
    );
  const file = Buffer.from(JSON.stringify(text));
  const key = storageKeyFor(lease.jobId, lease.runIndex, lease.attempt, 0, TEXT_EXTENSION);
  const { bytes, sha256 } = await storage.put(lease, { key, slot: 0 }, Readable.from([file]));
  return [
    {
      ...{ slot: 0, storageKey: key, contentType: 'application/json', bytes, sha256 },
      ...(bytes <= INLINE_BYTES ? { text } : {}),
    },
  ];
}
