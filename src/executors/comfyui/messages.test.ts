import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseMessage, parsePreview } from './messages.ts';

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

describe('parsePreview', () => {
  const jpeg = Buffer.concat([Buffer.from('ffd8ffe0', 'hex'), Buffer.alloc(60)]);
  const frame = (
    event: number,
    metadata: string,
    image: Buffer,
    length = metadata.length,
  ): Buffer => {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(event, 0);
    head.writeUInt32BE(length, 4);
    return Buffer.concat([head, Buffer.from(metadata), image]);
  };

  it('finds the prompt and the picture, of the kind that it is', () => {
    const metadata = JSON.stringify({ prompt_id: 'mine', image_type: 'image/png' });
    expect(parsePreview(frame(4, metadata, jpeg))).toEqual({
      type: 'preview',
      promptId: 'mine',
      preview: { contentType: 'image/jpeg', bytes: Uint8Array.from(jpeg) },
    });
  });

  it.each([
    ['an older form without a prompt', frame(1, '{"prompt_id":"mine"}', jpeg)],
    ['no picture', frame(4, '{"prompt_id":"mine"}', Buffer.from('<html></html>......'))],
    ['no prompt', frame(4, '{"prompt_id":7}', jpeg)],
    ['no JSON', frame(4, '{"prompt_id', jpeg)],
    ['metadata longer than the frame', frame(4, '{"prompt_id":"mine"}', jpeg, 0xffffffff)],
    [
      'a picture that is too large',
      frame(4, '{"prompt_id":"mine"}', Buffer.concat([jpeg, Buffer.alloc(600_000)])),
    ],
    ['an empty frame', Buffer.alloc(0)],
    ['half a head', Buffer.from('00000004ff', 'hex')],
  ])('takes nothing of %s', (_, bytes) => {
    expect(parsePreview(bytes)).toBeUndefined();
  });
});
