import { describe, expect, it } from 'vitest';
import { stateOfEntry } from './history.ts';

const entry = (status: object, outputs: object = {}) => ({
  prompt: [0, 'id', { '12': {}, '9': {}, preview: {}, first: {} }, {}, ['9']],
  outputs,
  status,
});
const start = ['execution_start', { prompt_id: 'id', timestamp: 1000 }];

describe('stateOfEntry', () => {
  it('lists every object with a filename, in graph order, under any key', () => {
    const state = stateOfEntry(
      entry(
        {
          status_str: 'success',
          completed: true,
          messages: [
            start,
            ['execution_cached', { nodes: ['1', '2'], timestamp: 1001 }],
            ['execution_success', { timestamp: 1450 }],
          ],
        },
        {
          first: { images: [{ filename: 'f.png', subfolder: 's', type: 'output', id: 'asset' }] },
          preview: {
            images: [{ filename: 'p.png', subfolder: '', type: 'temp' }],
            animated: [true],
          },
          '12': { '3d': [{ filename: 'm.glb' }], text: ['no file', 'x'.repeat(2 ** 21 + 1)] },
          '9': null,
        },
      ),
    );
    expect(state).toEqual({
      state: 'succeeded',
      outputs: [
        { nodeId: '12', filename: 'm.glb', subfolder: '', type: 'output' },
        { nodeId: 'preview', filename: 'p.png', subfolder: '', type: 'temp' },
        { nodeId: 'first', filename: 'f.png', subfolder: 's', type: 'output' },
      ],
      // Too long a text is none.
      texts: [{ nodeId: '12', text: 'no file' }],
      executionMs: 450,
      cachedNodes: 2,
    });
  });

  it('names the failing node and trims what the exception says', () => {
    const error = {
      node_id: '5',
      node_type: 'KSampler',
      exception_type: 'torch.OutOfMemoryError',
      exception_message: `Allocation failed\n${'x'.repeat(5000)}\n`,
      traceback: ['…'],
    };
    const state = stateOfEntry(
      entry({
        status_str: 'error',
        completed: false,
        messages: [start, ['execution_error', error]],
      }),
    );
    expect(state).toMatchObject({
      state: 'failed',
      nodeId: '5',
      nodeType: 'KSampler',
      exceptionType: 'torch.OutOfMemoryError',
      message: expect.stringMatching(/^Allocation failed\nx+…$/),
    });
  });

  it('tells an interrupted run from a failed one by its last message', () => {
    const messages = [start, ['execution_interrupted', { node_id: '5' }]];
    const state = stateOfEntry(entry({ status_str: 'error', completed: false, messages }));
    expect(state).toEqual({ state: 'interrupted' });
  });

  it('calls an error without a reason a failure', () => {
    const state = stateOfEntry(entry({ status_str: 'error', completed: false, messages: [start] }));
    expect(state).toMatchObject({ state: 'failed', exceptionType: 'unknown' });
  });
});
