import type { FaultBook } from './faults.ts';
import { PythonError } from './graph/python-values.ts';
import { NodeError } from './nodes/node-context.ts';

const OUT_OF_MEMORY = 'torch.OutOfMemoryError';

const OUT_OF_MEMORY_TIPS =
  'This error means you ran out of memory on your GPU.\n\nTIPS: If the workflow worked before you might have accidentally set the batch_size to a large number.';

/** The error part of an `execution_error` message. */
export const failureOf = (
  error: unknown,
  classType: string,
): { exception_message: string; exception_type: string; traceback: string[] } => {
  const exceptionType =
    error instanceof NodeError || error instanceof PythonError
      ? error.exceptionType
      : 'RuntimeError';
  const message = error instanceof Error ? error.message : String(error);
  const tips = exceptionType === OUT_OF_MEMORY ? OUT_OF_MEMORY_TIPS : '';
  return {
    exception_message: `${message}\n${tips}`,
    exception_type: exceptionType,
    traceback: [`  File "execution.py", line 1, in execute\n    ${classType}\n`],
  };
};

/** Throws what the faults have in store for this node, at its start or in that step. */
export const throwPlannedFailure = (
  faults: FaultBook,
  nodeId: string,
  classType: string,
  step?: number,
): void => {
  const failing = faults.take(
    'fail-node',
    (fault) =>
      (fault.nodeId ?? nodeId) === nodeId &&
      (fault.classType ?? classType) === classType &&
      fault.atStep === step,
  );
  if (failing) throw new NodeError(failing.exceptionType, failing.message);
  if (step !== undefined) return;
  const full = faults.take(
    'out-of-memory',
    (fault) => (fault.classType ?? 'KSampler') === classType,
  );
  if (full) throw new NodeError(OUT_OF_MEMORY, 'Allocation on device ');
};
