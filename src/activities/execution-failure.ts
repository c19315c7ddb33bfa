import type { StoredOutput } from '../domain/job.ts';
import { OrchestratorError } from '../errors.ts';
import type { PromptState } from '../ports.ts';

type Failed = Extract<PromptState, { state: 'failed' }>;

/** How ComfyUI says that a file it listed when it took the prompt is gone when its loader runs (folder_paths.py). */
const FILE_GONE = /^Model in folder '[^']*' with filename '.*' not found/;

/**
 * The final error of a node that raised: `model_missing` when its model file vanished, else `execution_failed`. Carries
 * what other nodes had written by then.
 */
export function executionFailure(
  state: Failed,
  outputs: readonly StoredOutput[] = [],
): OrchestratorError {
  const { nodeId, nodeType, exceptionType, message } = state;
  const gone = exceptionType === 'FileNotFoundError' && FILE_GONE.test(message);
  return new OrchestratorError(
    gone ? 'model_missing' : 'execution_failed',
    `Node ${nodeId} (${nodeType}) raised ${exceptionType}: ${message}` +
      (gone ? ' Put the file back, or choose a model that the server lists.' : ''),
    outputs.length > 0 ? { details: { outputs } } : {},
  );
}
