import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseMessage } from './messages.ts';

const parse = (type: string, data: unknown) => parseMessage(JSON.stringify({ type, data }));

describe('parseMessage', () => {
  it('takes executing without a node as the end and with one as a start', () => {
    expect(parse('executing', { node: null, prompt_id: 'p' })).toEqual({
      type: 'ended',
      promptId: 'p',
    });
    expect(parse('executing', { node: '5', prompt_id: 'p' })).toEqual({
      type: 'executing',
      promptId: 'p',
      nodeId: '5',
    });
  });

  it('leaves out executing without a prompt, as ComfyUI sends it after a reconnect', () => {
    expect(parse('executing', { node: '5' })).toBeUndefined();
  });

  it('does not take a blocked output for the end of the run', () => {
    const blocked = { prompt_id: 'p', exception_type: 'ExecutionBlocked' };
    expect(parse('execution_error', blocked)).toBeUndefined();
    expect(parse('execution_error', { prompt_id: 'p', exception_type: 'ValueError' })).toEqual({
      type: 'ending',
      promptId: 'p',
    });
  });

  it('reads the queue length and the progress of nodes', () => {
    expect(parse('status', { status: { exec_info: { queue_remaining: 2 } }, sid: 's' })).toEqual({
      type: 'status',
      remaining: 2,
    });
    const nodes = {
      '5': { value: 3, max: 20, state: 'running' },
      '1': { state: 'finished' },
      '2': 7,
    };
    expect(parse('progress_state', { prompt_id: 'p', nodes })).toEqual({
      type: 'nodes',
      promptId: 'p',
      nodes: [
        { nodeId: '1', value: 0, max: 1, finished: true },
        { nodeId: '5', value: 3, max: 20, finished: false },
      ],
    });
  });

  it('never throws, whatever a server or a plugin sends', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), fc.json(), (text, data) => {
        parseMessage(text);
        for (const type of ['status', 'progress', 'progress_state', 'execution_cached']) {
          parse(type, JSON.parse(data));
          parse(type, { prompt_id: 'p', nodes: JSON.parse(data), value: JSON.parse(data) });
        }
      }),
    );
  });
});
