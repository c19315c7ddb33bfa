import { describe, expect, it } from 'vitest';
import type { Graph } from './graph.ts';
import { mediaFaults, mediaIn, renameMedia } from './graph-media.ts';
import { modelsIn, renameModels } from './graph-models.ts';
import { confineOutputs, makesVideo, mayHaveOutput } from './graph-outputs.ts';

const SD1 = 'urn:air:sd1:checkpoint:civitai:4384@128713';
const BLOB = '37V4ZT4W3C4SX6P5G7M9K2RQDA.png';

const one = (class_type: string, inputs: Record<string, unknown>): Graph => ({
  n: { class_type, inputs },
});

describe('models of a graph', () => {
  it('are AIRs in any input, AIRs of embeddings in texts, and files in loaders', () => {
    const graph: Graph = {
      1: { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: '@civitai/126688' } },
      2: { class_type: 'LoraLoader', inputs: { lora_name: 'sub/a.safetensors', model: ['1', 0] } },
      3: { class_type: 'CLIPTextEncode', inputs: { text: `a (embedding:${SD1}:1.2), b` } },
      4: { class_type: 'Power Loader', inputs: { lora_1: { on: true, lora: SD1 } } },
      5: { class_type: 'Note', inputs: { text: 'x.safetensors' } },
    };
    expect(modelsIn(graph)).toEqual([
      {
        nodeId: '1',
        classType: 'CheckpointLoaderSimple',
        input: 'ckpt_name',
        air: '@civitai/126688',
      },
      { nodeId: '2', classType: 'LoraLoader', input: 'lora_name', file: 'sub/a.safetensors' },
      { nodeId: '3', classType: 'CLIPTextEncode', input: 'text', air: SD1, isEmbedding: true },
      { nodeId: '4', classType: 'Power Loader', input: 'lora_1.lora', air: SD1 },
    ]);
    const renamed = renameModels(graph, {
      ofAir: (air) => `<${air}>`,
      ofEmbedding: () => 'neg',
      ofFile: (file) => file.toUpperCase(),
    });
    expect(renamed).toMatchObject({
      1: { inputs: { ckpt_name: '<@civitai/126688>' } },
      2: { inputs: { lora_name: 'SUB/A.SAFETENSORS', model: ['1', 0] } },
      3: { inputs: { text: 'a (embedding:neg:1.2), b' } },
      4: { inputs: { lora_1: { on: true, lora: `<${SD1}>` } } },
      5: { inputs: { text: 'x.safetensors' } },
    });
  });

  it('are not what a prompt says of somebody', () => {
    expect(modelsIn(one('CLIPTextEncode', { text: '@artist/style' }))).toEqual([]);
    expect(modelsIn(one('CLIPTextEncode', { text: 'portrait by @civitai/1' }))).toEqual([]);
  });
});

describe('input files of a graph', () => {
  it('are URLs and stored files in loaders; the same file is one', () => {
    const graph: Graph = {
      1: { class_type: 'LoadImage', inputs: { image: 'https://a.example/x.png' } },
      2: { class_type: 'LoadImageMask', inputs: { image: 'https://a.example/x.png' } },
      3: { class_type: 'LoadVideo', inputs: { file: 'http://a.example/x.mp4' } },
      4: { class_type: 'LoadAudio', inputs: { audio: 'https://a.example/x.mp3' } },
      5: { class_type: 'LoadImage', inputs: { image: BLOB } },
      6: { class_type: 'LoadImage', inputs: { image: 'example.png' } },
      7: { class_type: 'LoadMesh', inputs: { mesh: 'https://a.example/x.glb' } },
      8: { class_type: 'LoadImageFromUrl', inputs: { image: 'https://a.example/y.png' } },
      9: { class_type: 'CLIPTextEncode', inputs: { text: 'https://a.example/z.png' } },
    };
    const media = mediaIn(graph);
    expect(media.map(({ role, kind, nodeId }) => [role, kind, nodeId])).toEqual([
      ['media0', 'image', '1'],
      ['media1', 'video', '3'],
      ['media2', 'audio', '4'],
      ['media3', 'image', '5'],
      ['media4', 'any', '7'],
    ]);
    const names = Object.fromEntries(media.map(({ role }) => [role, `in/${role}`]));
    expect(renameMedia(graph, media, names)).toMatchObject({
      1: { inputs: { image: 'in/media0' } },
      2: { inputs: { image: 'in/media0' } },
      3: { inputs: { file: 'in/media1' } },
      5: { inputs: { image: 'in/media3' } },
      6: { inputs: { image: 'example.png' } },
      8: { inputs: { image: 'https://a.example/y.png' } },
      9: { inputs: { text: 'https://a.example/z.png' } },
    });
  });

  it.each([
    ['../secret.png'],
    ['/etc/passwd'],
    ['C:\\x.png'],
    ['picture.png [output]'],
    ['picture.png [temp]'],
    ['orchestrator/37d9d863/x.png'],
    ['./orchestrator/37d9d863/x.png'],
  ])('are refused where they lie elsewhere than in the input folder: %s', (image) => {
    expect(mediaFaults(one('LoadImage', { image }))).toMatchObject([
      { path: ['n', 'inputs', 'image'] },
    ]);
  });
});

describe('outputs of a graph', () => {
  const saved = (prefix: unknown): unknown =>
    confineOutputs(one('SaveImage', { filename_prefix: prefix }), 'orchestrator/j/r1a1')['n']
      ?.inputs['filename_prefix'];

  it.each<[unknown, string]>([
    ['kitten', 'kitten'],
    ['sub/folder/kitten', 'kitten'],
    ['sub\\kitten', 'kitten'],
    ['../../kitten', 'kitten'],
    ['../..', 'ComfyUI'],
    ['/', 'ComfyUI'],
    ['', 'ComfyUI'],
    [['other', 0], 'ComfyUI'],
    ['a\u0000b:c', 'abc'],
    ['%width%x%height%', '%width%x%height%'],
  ])('called %j stay in the folder of the job', (prefix, name) => {
    expect(saved(prefix)).toBe(`orchestrator/j/r1a1/${name}`);
  });

  it('stay there also when a node is told its folder', () => {
    const graph = one('Image Save', { output_path: '/srv', images: ['m', 0], path_format: 'x' });
    expect(confineOutputs(graph, 'f')['n']?.inputs).toEqual({
      output_path: 'f',
      images: ['m', 0],
      path_format: 'x',
    });
  });

  it('that were meant for a listener are saved', () => {
    const graph = one('SaveImageWebsocket', { images: ['m', 0] });
    expect(confineOutputs(graph, 'f')['n']).toEqual({
      class_type: 'SaveImage',
      inputs: { images: ['m', 0], filename_prefix: 'f/ComfyUI' },
    });
  });

  it('are missing only where that is certain', () => {
    expect(mayHaveOutput(one('VAEDecode', {}))).toBe(false);
    expect(mayHaveOutput(one('SaveImage', {}))).toBe(true);
    expect(mayHaveOutput(one('SaveAudio', {}))).toBe(true);
    expect(mayHaveOutput(one('SomethingOfACustomNode', {}))).toBe(true);
  });

  it('that are videos give the job the time of a video', () => {
    expect(makesVideo(one('SaveVideo', {}))).toBe(true);
    expect(makesVideo(one('SaveImage', {}))).toBe(false);
  });
});
