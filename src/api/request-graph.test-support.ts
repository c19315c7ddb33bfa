/** What becomes of a posted job: accepted by the API, stored, its files looked up on a server, its graph built. */
import { expect } from 'vitest';
import type { TextToImage } from '../domain/generation.ts';
import type { Graph } from '../domain/graphs/graph.ts';
import { buildGraph } from '../ecosystems/index.ts';
import type { ListedFiles } from '../ecosystems/look-up-file.ts';
import { resolveFiles } from '../ecosystems/resolve-files.ts';
import { JOBS } from './job-calls.test-support.ts';
import { createTestApi, serverRecord, type TestApi } from './test-api.test-support.ts';

/** AIRs of an ecosystem of which the catalogue below has an entry and `filesOf` a file. */
export const airsOf = (ecosystem: string) => ({
  model: `urn:air:${ecosystem}:checkpoint:civitai:1@10001`,
  otherModel: `urn:air:${ecosystem}:checkpoint:civitai:1@10002`,
  bareModel: `urn:air:${ecosystem}:unet:civitai:1@10003`,
  otherBareModel: `urn:air:${ecosystem}:unet:civitai:1@10004`,
  lora: `urn:air:${ecosystem}:lora:civitai:2@20001`,
  otherLora: `urn:air:${ecosystem}:lora:civitai:2@20002`,
  embedding: `urn:air:${ecosystem}:embedding:civitai:3@30001`,
  otherEmbedding: `urn:air:${ecosystem}:embedding:civitai:3@30002`,
  vae: `urn:air:${ecosystem}:vae:civitai:4@40001`,
  otherVae: `urn:air:${ecosystem}:vae:civitai:4@40002`,
});

const named = (ids: readonly number[]): string[] => ids.map((id) => `${id}.safetensors`);

/** Lists of a server with a file for each of `airsOf`; `withEncoders`: and the text encoders of models in parts. */
export const filesOf = (withEncoders: boolean): ListedFiles => ({
  checkpoints: named([10001, 10002]),
  diffusion_models: named([10003, 10004]),
  loras: named([20001, 20002]),
  embeddings: ['30001', '30002'],
  vae: ['ae.safetensors', 'sd3_vae.safetensors', ...named([40001, 40002])],
  text_encoders: withEncoders
    ? ['clip_g.safetensors', 'clip_l.safetensors', 't5xxl_fp16.safetensors']
    : [],
});

export interface Listing {
  readonly ecosystem: string;
  readonly files: ListedFiles;
}

/** An API whose one server lists these files and whose catalogue has `airsOf(ecosystem)`. */
export function apiWith({ ecosystem, files }: Listing): TestApi {
  const api = createTestApi();
  api.servers.push(serverRecord({ files }));
  const epoch = { createdAt: new Date(0), updatedAt: new Date(0) };
  for (const air of Object.values(airsOf(ecosystem)))
    api.resources.set(`local ${air}`, { air, modelName: 'x', type: 'x', details: {}, ...epoch });
  return api;
}

/** Posts a job that must be accepted and gives what was stored of it, as a database would give it back. */
export async function acceptedGeneration(api: TestApi, body: unknown): Promise<TextToImage> {
  const known = new Set(api.orchestrator.rows.keys());
  const response = await api.send('POST', JOBS, body);
  expect(response.status, await response.clone().text()).toBe(202);
  const row = [...api.orchestrator.rows.values()].find(({ id }) => !known.has(id));
  return JSON.parse(JSON.stringify(row?.generation)) as TextToImage;
}

/** The graph of a stored generation on that server. */
export function graphOf(generation: TextToImage, files: ListedFiles): Graph {
  const { files: resolved, missing } = resolveFiles(generation, () => undefined, files);
  if (resolved === undefined) throw new Error(JSON.stringify(missing));
  return buildGraph(generation, resolved, 'prefix');
}
