import { describe, expect, it } from 'vitest';
import { ECOSYSTEMS, IMAGE_TRANSFORMERS } from '../domain/generation.ts';
import { controlNetOf, findControlNet, lookUpControlNet } from './control-net-files.ts';

const SERVER = [
  'FLUX.1-dev-ControlNet-Union-Pro.safetensors',
  'FLUX\\flux-depth-controlnet-v3.safetensors',
  'SD15/canny.safetensors',
  'control_sd15_inpaint_depth_hand_fp16.safetensors',
  'control_v11p_sd15_softedge.pth',
  'depth-zoe-xl-v1.0-controlnet.safetensors',
  'diffusers_xl_canny_full.safetensors',
  'diffusers_xl_depth_full.safetensors',
  'flux2_canny.safetensors',
  'kohya_controllllite_xl_canny.safetensors',
  'xinsir/controlnet-union-sdxl-1.0_promax.safetensors',
];

describe('findControlNet', () => {
  it.each([
    ['sd1', 'Canny', { name: 'SD15/canny.safetensors' }],
    ['sd1', 'SoftedgePidinet', { name: 'control_v11p_sd15_softedge.pth' }],
    ['sd1', 'DepthZoe', undefined],
    ['sd1', 'Rembg', undefined],
    ['sdxl', 'Canny', { name: 'diffusers_xl_canny_full.safetensors' }],
    ['sdxl', 'DepthZoe', { name: 'depth-zoe-xl-v1.0-controlnet.safetensors' }],
    [
      'sdxl',
      'SoftedgePidinet',
      {
        name: 'xinsir/controlnet-union-sdxl-1.0_promax.safetensors',
        unionType: 'hed/pidi/scribble/ted',
      },
    ],
    ['flux1', 'DepthZoe', { name: 'FLUX\\flux-depth-controlnet-v3.safetensors' }],
    // Flux's union models count canny as 0, which is ComfyUI's openpose.
    [
      'flux1',
      'Canny',
      { name: 'FLUX.1-dev-ControlNet-Union-Pro.safetensors', unionType: 'openpose' },
    ],
    ['sd3', 'Canny', undefined],
  ] as const)('of %s for %s', (ecosystem, preprocessor, expected) => {
    expect(findControlNet(ecosystem, preprocessor, SERVER)).toEqual(expected);
    expect(findControlNet(ecosystem, preprocessor, [...SERVER].reverse())).toEqual(expected);
  });

  it('takes no file whose name says nothing of the family', () => {
    expect(findControlNet('sd1', 'Canny', ['canny.safetensors', 'sd21_canny.pth'])).toBeUndefined();
    expect(findControlNet('sdxl', 'Canny', ['sd15_canny.pth', 'excel_canny.pth'])).toBeUndefined();
  });

  it('finds each file that it gives as an example', () => {
    for (const ecosystem of ECOSYSTEMS.filter((name) => name !== 'sd3')) {
      for (const preprocessor of IMAGE_TRANSFORMERS) {
        const generation = { ecosystem, model: 'x', index: 0 } as const;
        const { missing } = lookUpControlNet({ preprocessor }, generation, () => undefined, {});
        const example = /such as (\S+),/.exec(missing?.message ?? '')?.[1] ?? '';
        expect(findControlNet(ecosystem, preprocessor, [example])?.name, example).toBe(example);
      }
    }
  });
});

describe('lookUpControlNet', () => {
  const generation = {
    ecosystem: 'sdxl',
    model: 'urn:air:sdxl:checkpoint:civitai:1@2',
    index: 3,
  } as const;
  const model = 'urn:air:sdxl:controlnet:civitai:3@40001';

  it('takes the file of an AIR, and tells a union model the kind', () => {
    const listed = { controlnet: ['mine_40001.safetensors', 'union_40002.safetensors'] };
    const look = (air: string) =>
      lookUpControlNet({ preprocessor: 'Canny', model: air }, generation, () => undefined, listed);
    expect(look(model).resolved).toEqual({ name: 'mine_40001.safetensors' });
    expect(look('urn:air:sdxl:controlnet:civitai:3@40002').resolved).toEqual(
      controlNetOf('union_40002.safetensors', 'sdxl', 'Canny'),
    );
  });

  it('says which file is missing, in which folder, and what to do', () => {
    const missing = (air?: string) =>
      lookUpControlNet(
        { preprocessor: 'DepthZoe', ...(air === undefined ? {} : { model: air }) },
        generation,
        () => undefined,
        { controlnet: ['sd15_depth.pth'] },
      ).missing;
    expect(missing()).toMatchObject({
      air: generation.model,
      folders: ['controlnet'],
      path: ['controlNets', 3, 'preprocessor'],
    });
    expect(missing()?.message).toMatch(
      /DepthZoe needs a ControlNet for sdxl.*folder controlnet.*such as depth-zoe-xl-v1\.0-controlnet\.safetensors/,
    );
    expect(missing(model)?.message).toMatch(/urn:air:sdxl:controlnet:civitai:3@40001 is not in/);
  });
});
