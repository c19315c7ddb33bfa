import { describe, expect, it } from 'vitest';
import { executionFailure } from './execution-failure.ts';

const raised = (exceptionType: string, message: string) =>
  executionFailure({
    state: 'failed',
    nodeId: '4',
    nodeType: 'CheckpointLoaderSimple',
    exceptionType,
    message,
    outputs: [],
  });

describe('executionFailure', () => {
  it("calls a file that vanished in ComfyUI's queue a missing model", () => {
    const error = raised(
      'FileNotFoundError',
      "Model in folder 'checkpoints' with filename 'it's here.safetensors' not found.\n",
    );
    expect(error).toMatchObject({ code: 'model_missing', retryable: false });
    expect(error.message).toContain(
      'Node 4 (CheckpointLoaderSimple) raised FileNotFoundError: Model',
    );
  });

  it.each([
    ['FileNotFoundError', "[Errno 2] No such file or directory: 'output'"],
    ['RuntimeError', "Model in folder 'checkpoints' with filename 'a' not found."],
  ])('calls any other %s a failed execution', (type, message) => {
    expect(raised(type, message)).toMatchObject({ code: 'execution_failed', retryable: false });
  });
});
