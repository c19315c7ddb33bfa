import { posix } from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Lease, StoredOutput } from '../domain/job.ts';
import { OrchestratorError, isOrchestratorError } from '../errors.ts';
import type { AttemptBlobs, Executor, OutputFile } from '../ports.ts';
import { storageKeyFor } from '../storage/keys.ts';
import { createOutputInspector } from './output-inspector.ts';

export interface StoreDeps {
  readonly executor: Executor;
  readonly storage: Pick<AttemptBlobs, 'put'>;
  /** A larger file is refused. */
  readonly maxOutputBytes: number;
}

/** Their list goes through Temporal, which takes 2 MB. */
const MOST_OUTPUTS = 2_000;

/** Names under which SaveImage and its like write: `<prefix>_00001_.png` and so on. They outlive the server's books. */
export const predictedOutputs = ({
  outputPrefix,
  expectedOutputs,
  outputExtension = 'png',
}: {
  readonly outputPrefix: string;
  readonly expectedOutputs: number;
  readonly outputExtension?: string;
}): OutputFile[] =>
  Array.from({ length: expectedOutputs }, (_, slot) => ({
    nodeId: 'predicted',
    filename: `${posix.basename(outputPrefix)}_${String(slot + 1).padStart(5, '0')}_.${outputExtension}`,
    subfolder: posix.dirname(outputPrefix),
    type: 'output' as const,
  }));

/** Files of a prompt that are its outputs: of a client's own graph (0 expected) also those that it only previews. */
export const outputFiles = (
  files: readonly OutputFile[],
  expectedOutputs: number,
): readonly OutputFile[] =>
  files.filter(({ type }) => type === 'output' || (type === 'temp' && expectedOutputs === 0));

/** True when a file is not there or is no whole picture, as opposed to a server or a store that fails for now. */
export const isBadOutput = (error: unknown): boolean =>
  isOrchestratorError(error) &&
  (error.code === 'output_missing' || error.code === 'output_invalid');

/** Whether the server has each of these files, and whole; nothing is stored. */
export async function areWritten(
  { executor, maxOutputBytes }: Omit<StoreDeps, 'storage'>,
  files: readonly OutputFile[],
  signal: AbortSignal,
): Promise<boolean> {
  try {
    for (const file of files) {
      const source = await executor.fetchOutput(file, signal);
      const inspector = createOutputInspector(file.filename, maxOutputBytes);
      const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
      await pipeline(source, inspector.stream, nowhere);
    }
    return files.length > 0;
  } catch (error) {
    if (isBadOutput(error)) return false;
    throw error;
  }
}

/**
 * Fetches the files in their order and stores them under the attempt's own keys; a repetition replaces the same files.
 * `isNamed`: with their names and nodes.
 */
export async function storeOutputs(
  deps: StoreDeps,
  lease: Lease,
  files: readonly OutputFile[],
  signal: AbortSignal,
  isNamed = false,
): Promise<StoredOutput[]> {
  if (files.length > MOST_OUTPUTS)
    throw new OrchestratorError(
      'output_invalid',
      `Prompt ${lease.promptId} ended with ${files.length} files; at most ${MOST_OUTPUTS} are taken.`,
    );
  const outputs: StoredOutput[] = [];
  for (const [slot, file] of files.entries())
    outputs.push({
      ...(await storeOutput(deps, lease, slot, file, signal)),
      ...named(file, isNamed),
    });
  return outputs;
}

/** The same for what a run wrote before it failed: a file that is not whole is left out. */
export async function storePartialOutputs(
  deps: StoreDeps,
  lease: Lease,
  files: readonly OutputFile[],
  signal: AbortSignal,
  isNamed = false,
): Promise<StoredOutput[]> {
  const outputs: StoredOutput[] = [];
  for (const file of files.slice(0, MOST_OUTPUTS)) {
    try {
      const stored = await storeOutput(deps, lease, outputs.length, file, signal);
      outputs.push({ ...stored, ...named(file, isNamed) });
    } catch (error) {
      if (!isBadOutput(error)) throw error;
    }
  }
  return outputs;
}

const named = (
  { filename, nodeId }: OutputFile,
  isNamed: boolean,
): Pick<StoredOutput, 'name' | 'nodeId'> => (isNamed ? { name: filename, nodeId } : {});

async function storeOutput(
  { executor, storage, maxOutputBytes }: StoreDeps,
  lease: Lease,
  slot: number,
  file: OutputFile,
  signal: AbortSignal,
): Promise<StoredOutput> {
  const extension = /\.([a-z0-9]{1,8})$/.exec(file.filename.toLowerCase())?.[1] ?? 'bin';
  const key = storageKeyFor(lease.jobId, lease.runIndex, lease.attempt, slot, extension);
  const source = await executor.fetchOutput(file, signal);
  const inspector = createOutputInspector(file.filename, maxOutputBytes);
  source.on('error', (error) => inspector.stream.destroy(error));
  try {
    // What the inspector refuses at its end is not stored.
    const { bytes, sha256 } = await storage.put(
      lease,
      { key, slot },
      source.pipe(inspector.stream),
    );
    return { slot, storageKey: key, bytes, sha256, ...inspector.inspection() };
  } finally {
    source.destroy();
  }
}
