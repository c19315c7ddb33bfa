/** Files and nodes of pictures: looked for on the servers, and in the catalogue, when a request is posted. */
import { describe, expect, it } from 'vitest';
import type { FleetServer } from '../domain/fleet.ts';
import {
  acceptedPicture as accepted,
  CANNY as POSE,
  faultsOf,
  postPicture as post,
  REFINER,
  UPSCALER,
} from './picture-calls.test-support.ts';
import { createTestApi, type TestApi } from './test-api.test-support.ts';

type Change = Readonly<Record<string, unknown>>;

const CHECKPOINT = '128078.safetensors';
const NODES = [
  ...['CheckpointLoaderSimple', 'CLIPTextEncode', 'EmptyLatentImage', 'KSampler', 'VAEDecode'],
  ...['SaveImage', 'LoadImage', 'ControlNetLoader', 'ControlNetApplyAdvanced', 'Canny'],
];

const serverWith = (
  files: Readonly<Record<string, readonly string[]>>,
  nodeClasses: readonly string[] = [],
): FleetServer => ({
  ...{ id: 'comfy', pool: 'default', room: 2, reachable: true, draining: false },
  ...{ ecosystems: null, vramBytes: null },
  lists: { files: { checkpoints: [CHECKPOINT], ...files }, nodeClasses: new Set(nodeClasses) },
});

const apiWith = (server: FleetServer): TestApi => {
  const api = createTestApi();
  api.fleet.push(server);
  return api;
};

const register = async (api: TestApi, resource: Change): Promise<void> => {
  const response = await api.send('POST', '/v2/resources', resource);
  expect(response.status, await response.clone().text()).toBe(201);
};

describe('files and nodes of a picture', () => {
  it('are looked for on the servers when it is posted', async () => {
    const post400 = async (params: Change): Promise<Record<string, string[]>> =>
      faultsOf(await post(apiWith(serverWith({})), params));
    expect((await post400({ hires: { upscaler: UPSCALER } }))['params.hires.upscaler']).toEqual([
      expect.stringMatching(/looked in upscale_models of 'comfy'/),
    ]);
    expect((await post400({ refiner: { model: REFINER } }))['params.refiner.model']).toEqual([
      expect.stringMatching(/looked in checkpoints of 'comfy'/),
    ]);
    const all = { upscale_models: ['164821.pth'], checkpoints: [CHECKPOINT, '126613.safetensors'] };
    const params = { hires: { upscaler: UPSCALER }, refiner: { model: REFINER } };
    expect((await post(apiWith(serverWith(all)), params)).status).toBe(202);
  });

  it('are those of the preprocessor: a server without its ControlNet is named with the folder', async () => {
    const api = apiWith(serverWith({ controlnet: ['control_v11p_sd15_canny.pth'] }));
    const errors = await faultsOf(await post(api, {}, { controlNets: [POSE] }));
    expect(errors['controlNets[0].preprocessor']).toEqual([
      expect.stringMatching(
        /on 'comfy'.*Canny needs a ControlNet for sdxl.*folder controlnet.*diffusers_xl_canny_full/,
      ),
    ]);
  });

  it('are custom nodes for some preprocessors: refused with node and pack where they are missing', async () => {
    const controlnet = [
      ...['sdxl_canny.pth', 'sdxl_depth.pth', 'sdxl_softedge.pth', 'sdxl_tile.pth'],
    ];
    const answer = (preprocessor: string, ...nodes: string[]): Promise<Response> =>
      post(
        apiWith(serverWith({ controlnet }, [...NODES, ...nodes])),
        {},
        { controlNets: [{ ...POSE, preprocessor }] },
      );
    expect((await answer('Canny')).status).toBe(202);
    const custom = [
      ['DepthZoe', 'Zoe-DepthMapPreprocessor', 'comfyui_controlnet_aux'],
      ['SoftedgePidinet', 'PiDiNetPreprocessor', 'comfyui_controlnet_aux'],
      ['Rembg', 'Image Remove Background (rembg)', 'rembg-comfyui-node'],
    ] as const;
    for (const [preprocessor, node, pack] of custom) {
      const errors = await faultsOf(await answer(preprocessor, 'SplitImageWithAlpha'));
      expect(errors['controlNets[0].preprocessor'], preprocessor).toEqual([
        expect.stringContaining(
          `does not know the node class ${node}; install the custom nodes ${pack}`,
        ),
      ]);
      expect((await answer(preprocessor, 'SplitImageWithAlpha', node)).status).toBe(202);
    }
  });

  it('are those of a ControlNet that the request names, or the catalogue has for the preprocessor', async () => {
    const named = 'urn:air:sdxl:controlnet:civitai:900001@1000001';
    const tagged = 'urn:air:sdxl:controlnet:civitai:900002@1000002';
    const files = {
      controlnet: ['diffusers_xl_canny_full.safetensors', 'a_1000001.pth', 'b_1000002.pth'],
    };
    const api = apiWith(serverWith(files));
    const modelFor = async (controlNet: Change): Promise<unknown> => {
      api.orchestrator.rows.clear();
      const response = await post(api, {}, { controlNets: [{ ...POSE, ...controlNet }] });
      expect(response.status, await response.clone().text()).toBe(202);
      return (accepted(api) as { controlNets: { model?: string }[] }).controlNets[0]?.model;
    };
    expect(await modelFor({})).toBeUndefined();
    await register(api, { air: named, modelName: 'Lines', type: 'Controlnet' });
    expect(await modelFor({})).toBeUndefined();
    expect(await modelFor({ model: '@civitai/1000001' })).toBe(named);
    const canny = { modelName: 'Edges', type: 'Controlnet', tags: ['canny'] };
    const sd1 = 'urn:air:sd1:controlnet:civitai:900003@1000003';
    await register(api, { ...canny, air: sd1 });
    expect(await modelFor({})).toBeUndefined();
    await register(api, { ...canny, air: tagged });
    expect(await modelFor({})).toBe(tagged);
    expect(await modelFor({ model: named })).toBe(named);
    const errors = await faultsOf(await post(api, {}, { controlNets: [{ ...POSE, model: sd1 }] }));
    expect(errors['controlNets[0].model']?.join()).toMatch(/does not fit the sdxl model/);
  });
});
