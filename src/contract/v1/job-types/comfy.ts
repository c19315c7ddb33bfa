/** `comfy`: a ComfyUI graph of the client's own. */
import { createHash } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import { parseAir, resourceKind, rootEcosystem } from '../../../domain/air.ts';
import { FLAT_COSTS } from '../../../domain/cost.ts';
import type { ComfyGraph } from '../../../domain/generation.ts';
import type { Graph } from '../../../domain/graphs/graph.ts';
import { mediaFaults, mediaIn } from '../../../domain/graphs/graph-media.ts';
import { modelsIn, renameModels } from '../../../domain/graphs/graph-models.ts';
import { makesVideo, mayHaveOutput } from '../../../domain/graphs/graph-outputs.ts';
import {
  MAX_GRAPH_BYTES,
  MAX_GRAPH_NODES,
  readGraph,
  type GraphFault,
} from '../../../domain/graphs/read-graph.ts';
import { airProblem, INVALID_AIR } from '../../air-text.ts';
import { commonFields, quantityField } from './common-fields.ts';
import { defineJobType, type MadeJob, type MakeContext, type ModelUse } from './job-type.ts';

/** A graph with more model or input files is a mistake, and each costs a look-up or a transfer. */
const MAX_MODELS = 200;
const MAX_MEDIA = 50;

const NO_OUTPUT =
  'has no node that gives a file back; add one such as SaveImage, or ComfyUI would not run it';

/** Everything about a graph that can be said without a server. */
function faultsOf(graph: Graph): readonly GraphFault[] {
  const models = modelsIn(graph);
  const airs = models.flatMap(({ nodeId, input, air }) => {
    const message = air === undefined ? undefined : airProblem(air);
    const path = [nodeId, 'inputs', ...input.split('.')];
    return message === undefined ? [] : [{ path, message, isAir: true }];
  });
  const whole = (message: string): GraphFault => ({ path: [], message });
  return [
    ...airs,
    ...mediaFaults(graph),
    ...(mayHaveOutput(graph) ? [] : [whole(NO_OUTPUT)]),
    ...(models.length > MAX_MODELS
      ? [whole(`names ${models.length} model files; at most ${MAX_MODELS} are taken`)]
      : []),
    ...(mediaIn(graph).length > MAX_MEDIA
      ? [whole(`names ${mediaIn(graph).length} input files; at most ${MAX_MEDIA} are taken`)]
      : []),
  ];
}

const workflow = z
  .unknown()
  .transform((value, context): Graph => {
    const read = readGraph(value);
    const faults = 'faults' in read ? read.faults : faultsOf(read.graph);
    for (const { path, message, ...fault } of faults)
      context.addIssue({
        code: 'custom',
        path: [...path],
        message,
        ...('isAir' in fault ? { params: INVALID_AIR } : {}),
      });
    return 'graph' in read && faults.length === 0 ? read.graph : z.NEVER;
  })
  .openapi({
    type: 'object',
    additionalProperties: true,
    description:
      `A graph in ComfyUI's API format, at most ${MAX_GRAPH_BYTES} bytes and ${MAX_GRAPH_NODES} nodes. ` +
      'Model inputs may hold AIRs (`urn:air:…` or `@civitai/<version>`, in prompts `embedding:<AIR>`), loaders of ' +
      'images, videos and sounds URLs or the keys of stored files. Everything is saved under the prefix of the job.',
    example: {
      1: { class_type: 'LoadImage', inputs: { image: 'https://example.org/cat.png' } },
      2: { class_type: 'ImageInvert', inputs: { image: ['1', 0] } },
      3: { class_type: 'SaveImage', inputs: { images: ['2', 0], filename_prefix: 'cat' } },
    },
  });

const ComfyRequest = z
  .object({
    $type: z.string().nullish().openapi({ example: 'comfy' }),
    params: z.object({ workflow }),
    ...quantityField,
    ...commonFields,
  })
  .openapi('ComfyJobRequest');

export const comfy = defineJobType('comfy', ComfyRequest, (request) => {
  const { workflow: graph } = request.params;
  // All jobs of a request are the same: what they are is found once.
  let made: MadeJob | undefined;
  return {
    jobClass: makesVideo(graph) ? 'video' : 'image',
    count: request.quantity ?? 1,
    uses: usesOf(graph),
    media: mediaIn(graph).map(({ source, nodeId, input }) => ({
      source,
      path: inputPath(nodeId, input),
    })),
    make: (_index, context) => (made ??= makeJob(graph, context)),
  };
});

const inputPath = (nodeId: string, input: string): string[] => [
  ...['params', 'workflow', nodeId, 'inputs'],
  ...input.split('.'),
];

const usesOf = (graph: Graph): ModelUse[] =>
  modelsIn(graph).flatMap(({ nodeId, input, air }) =>
    air === undefined ? [] : [{ air, path: inputPath(nodeId, input), role: 'graph' as const }],
  );

/** The graph is kept with canonical AIRs in it. */
function makeJob(asked: Graph, { airOf }: MakeContext): MadeJob {
  const graph = renameModels(asked, {
    ofAir: airOf,
    ofEmbedding: airOf,
    ofFile: (file) => file,
  });
  const text = JSON.stringify(graph);
  const sha256 = createHash('sha256').update(text).digest('hex');
  const firsts = new Map<string, string>();
  for (const [nodeId, { class_type: name }] of Object.entries(graph))
    if (!firsts.has(name)) firsts.set(name, nodeId);
  const generation: ComfyGraph = {
    operation: 'comfy',
    graph: { sha256, bytes: Buffer.byteLength(text), nodes: Object.keys(graph).length },
    classes: [...firsts].map(([name, nodeId]) => ({ name, nodeId })),
    models: modelsIn(graph),
    media: mediaIn(graph),
  };
  return {
    generation,
    ecosystem: ecosystemOf(generation),
    cost: FLAT_COSTS.comfy,
    graph: { sha256, text },
    request: { $type: 'comfy' },
  };
}

/** Of its checkpoint, else of any model. */
function ecosystemOf({ models }: ComfyGraph): string {
  const airs = models.flatMap(({ air }) => (air === undefined ? [] : [parseAir(air)]));
  const checkpoint = airs.find(({ type = '' }) => resourceKind(type) === 'checkpoint');
  return rootEcosystem((checkpoint ?? airs[0])?.ecosystem ?? '') ?? 'comfy';
}
