import { describe, expect, it } from 'vitest';
import { hasNodeErrors, refusalOf } from './refusal.ts';

const graph = {
  '1': { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: 'a.safetensors' } },
  '5': { class_type: 'KSampler', inputs: { steps: 0, sampler_name: 'nope' } },
};
const fault = (type: string, input: string, received?: unknown) => ({
  type,
  message: `said ${type}`,
  details: 'details',
  extra_info: {
    input_name: input,
    ...(received === undefined ? {} : { received_value: received }),
  },
});
const answer = (nodeErrors: object) => ({
  error: {
    type: 'prompt_outputs_failed_validation',
    message: 'Prompt outputs failed validation',
    details: '',
    extra_info: {},
  },
  node_errors: nodeErrors,
});
const missing = {
  errors: [fault('value_not_in_list', 'ckpt_name', 'a.safetensors')],
  class_type: 'CheckpointLoaderSimple',
};

describe('refusalOf', () => {
  it('is model_missing when absent files are the only fault', () => {
    const error = refusalOf('gpu-1', answer({ '1': missing }), graph);
    expect(error).toMatchObject({ code: 'model_missing', retryable: false });
    expect(error.message).toContain(
      "node 1 CheckpointLoaderSimple, input ckpt_name = 'a.safetensors': said value_not_in_list",
    );
    expect(error.message).toContain('put the file into models/checkpoints of the server');
  });

  it('is graph_refused when anything else is wrong too, and names every fault', () => {
    const other = { errors: [fault('value_smaller_than_min', 'steps')], class_type: 'KSampler' };
    const error = refusalOf('gpu-1', answer({ '1': missing, '5': other }), graph);
    expect(error.code).toBe('graph_refused');
    expect(error.message).toContain(
      'node 5 KSampler, input steps = 0: said value_smaller_than_min',
    );
    expect(error.message).toContain('node 1 CheckpointLoaderSimple');
  });

  it('does not call an unknown sampler a missing model', () => {
    const nodes = { '5': { errors: [fault('value_not_in_list', 'sampler_name', 'nope')] } };
    const error = refusalOf('gpu-1', answer(nodes), graph);
    expect(error.code).toBe('graph_refused');
    expect(error.message).toContain("node 5 KSampler, input sampler_name = 'nope'");
  });

  it('does not blame a broken link on an input of another node', () => {
    const nodes = { '5': { errors: [fault('exception_during_inner_validation', 'samples')] } };
    const { message } = refusalOf('gpu-1', answer(nodes), graph);
    expect(message).toContain('node 5 KSampler: said exception_during_inner_validation (details)');
  });

  it('tells the general error where no node is named', () => {
    const error = refusalOf(
      'gpu-1',
      {
        error: {
          type: 'missing_node_type',
          message: "Node 'Upscaler' not found",
          details: "Node ID '#3'",
          extra_info: { node_id: '3', class_type: 'Upscaler' },
        },
        node_errors: {},
      },
      graph,
    );
    expect(error.code).toBe('graph_refused');
    expect(error.message).toContain("Node 'Upscaler' not found: Node ID '#3' [node 3 Upscaler]");
  });

  it('survives an answer of any shape', () => {
    for (const odd of [
      undefined,
      null,
      'text',
      [],
      { error: 'bad' },
      { node_errors: { '1': 4 } },
    ]) {
      expect(refusalOf('gpu-1', odd, graph).code).toBe('graph_refused');
    }
  });
});

it('sees node errors in an answer that accepted the prompt', () => {
  expect(hasNodeErrors({ prompt_id: 'x', number: 1, node_errors: { '1': missing } })).toBe(true);
  expect(hasNodeErrors({ prompt_id: 'x', number: 1, node_errors: {} })).toBe(false);
});
