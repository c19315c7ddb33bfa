/** Every parameter reaches the graph, and nothing else in the graph moves with it. */
import { describe, expect, it } from 'vitest';
import { changedInputs } from '../../test/fixtures/graph-inputs.ts';
import type { Captioning, ImageEmbedding, PictureText, Tagging } from '../domain/generation.ts';
import { findEncoder } from './picture-texts.ts';
import { planGraph } from './plan-graph.ts';

const image = { url: 'https://example.org/a.png' };
const TAGS: Tagging = {
  ...{ operation: 'wdTagging', tagger: 'wd-vit-tagger-v3', threshold: 0.35, image },
};
const CAPTION: Captioning = {
  ...{ operation: 'mediaCaptioning', captioner: 'microsoft/Florence-2-large', image },
  ...{ maxNewTokens: 300, isSampled: true, seed: 7 },
};
const EMBEDDING: ImageEmbedding = { operation: 'imageEmbedding', image };
const ENCODERS = ['vision/clip-vit-large.safetensors'];

const planOf = (generation: PictureText, encoders = ENCODERS) => {
  const listed = { clip_vision: encoders };
  const plan = planGraph(generation, { fileNameOf: () => undefined, listed });
  if ('missing' in plan) throw new Error(plan.missing.join());
  return plan;
};
const graphOf = (generation: PictureText, file = 'a.png', encoders = ENCODERS) =>
  planOf(generation, encoders).build({ image: file }, 'prefix');

describe('what is said of a picture', () => {
  it.each<[string, PictureText, PictureText, readonly string[]]>([
    ['tagger', TAGS, { ...TAGS, tagger: 'wd-v1-4-vit-tagger' }, ['text.model']],
    [
      'threshold',
      TAGS,
      { ...TAGS, threshold: 0.5 },
      ['text.character_threshold', 'text.threshold'],
    ],
    ['captioner', CAPTION, { ...CAPTION, captioner: 'other' }, ['captioner.model']],
    ['length', CAPTION, { ...CAPTION, maxNewTokens: 20 }, ['described.max_new_tokens']],
    ['sampling', CAPTION, { ...CAPTION, isSampled: false }, ['described.do_sample']],
    ['seed', CAPTION, { ...CAPTION, seed: 8 }, ['described.seed']],
  ])('follows its %s', (_what, generation, changed, inputs) => {
    expect(changedInputs(graphOf(generation), graphOf(changed))).toEqual(inputs);
  });

  it.each([TAGS, CAPTION, EMBEDDING])('is of the picture: $operation', (generation) => {
    expect(changedInputs(graphOf(generation), graphOf(generation, 'b.png'))).toEqual([
      'source.image',
    ]);
  });

  it('is by the encoder of the server, whose name comes back with the numbers', () => {
    expect(
      changedInputs(graphOf(EMBEDDING), graphOf(EMBEDDING, 'a.png', ['other.safetensors'])),
    ).toEqual(['encoder.clip_name', 'numbers.name']);
  });

  it.each([
    [TAGS, { kind: 'tags', threshold: 0.35 }],
    [{ ...TAGS, operation: 'mediaTagging' } as const, { kind: 'tags', threshold: 0.35 }],
    [CAPTION, { kind: 'caption' }],
    [EMBEDDING, { kind: 'embedding' }],
  ])('is the text of a node that the graph has: $operation', (generation, form) => {
    const { text, expectedOutputs } = planOf(generation);
    expect({ text, expectedOutputs }).toEqual({
      text: { nodeId: 'text', form },
      expectedOutputs: 0,
    });
    expect(Object.keys(graphOf(generation))).toContain('text');
  });

  it('misses an encoder where the server lists none', () => {
    const plan = planGraph(EMBEDDING, { fileNameOf: () => undefined, listed: {} });
    expect(plan).toEqual({ missing: [expect.stringContaining('clip_vision is empty')] });
  });
});

it.each([
  [['siglip.safetensors', 'clip_vision_h.safetensors', 'CLIP-ViT-L-14.safetensors'], 2],
  [['siglip.safetensors', 'CLIP-ViT-bigG.safetensors', 'CLIP-ViT-H-14.safetensors'], 2],
  [['siglip.safetensors', 'clip_vision_g.safetensors'], 1],
  [['siglip.safetensors'], 0],
])('of the encoders %j the one at %i is taken', (files, at) => {
  expect(findEncoder({ clip_vision: files })).toBe(files[at]);
});
