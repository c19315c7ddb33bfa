import { describe, expect, it } from 'vitest';
import { fillSkeleton } from './skeleton.ts';

const SKELETON = {
  text: {
    class_type: 'CLIPTextEncode',
    inputs: { text: '{{prompt}}', clip: '{{clip}}', fixed: 1 },
  },
  again: { class_type: 'CLIPTextEncode', inputs: { text: '{{prompt}}', clip: ['text', 0] } },
};

describe('fillSkeleton', () => {
  it('puts values and links into every hole of their name and leaves the rest', () => {
    expect(fillSkeleton(SKELETON, { prompt: 'a cat', clip: ['checkpoint', 1] })).toEqual({
      text: {
        class_type: 'CLIPTextEncode',
        inputs: { text: 'a cat', clip: ['checkpoint', 1], fixed: 1 },
      },
      again: { class_type: 'CLIPTextEncode', inputs: { text: 'a cat', clip: ['text', 0] } },
    });
  });

  it('does not change the skeleton', () => {
    const before = JSON.stringify(SKELETON);
    fillSkeleton(SKELETON, { prompt: 'x', clip: ['checkpoint', 1] });
    expect(JSON.stringify(SKELETON)).toBe(before);
  });

  it('takes a prompt that looks like a hole as text', () => {
    const graph = fillSkeleton(SKELETON, { prompt: '{{clip}}', clip: ['checkpoint', 1] });
    expect(graph['text']?.inputs['text']).toBe('{{clip}}');
  });

  it('refuses a hole without a value, naming node and input', () => {
    expect(() => fillSkeleton(SKELETON, { prompt: 'x' })).toThrow(
      /text\.clip waits for \{\{clip\}\}/,
    );
    expect(() =>
      fillSkeleton({ a: { class_type: 'A', inputs: { x: '{{constructor}}' } } }, {}),
    ).toThrow(/no value/);
  });

  it('refuses a value without a hole', () => {
    expect(() => fillSkeleton(SKELETON, { prompt: 'x', clip: ['c', 1], seed: 1 })).toThrow(
      /No input waits for \{\{seed\}\}/,
    );
  });
});
