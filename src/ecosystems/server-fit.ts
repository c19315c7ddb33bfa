/** Whether a server can run a job: what it may serve, its model files, its node classes, its memory. */
import type { FleetServer, ServerLists } from '../domain/fleet.ts';
import type {
  ComfyGraph,
  PictureText,
  ResourceTraining,
  TextToImage,
} from '../domain/generation.ts';
import { PICTURE_ROLE } from '../domain/generation-inputs.ts';
import { runClass } from '../domain/graphs/graph-outputs.ts';
import {
  ecosystemsOf,
  type JobNeeds,
  type TextToImageShape,
  type TrainingShape,
} from '../domain/job-needs.ts';
import { findGraphModels } from './graph-models.ts';
import { transformImage } from './image-transformers.ts';
import { buildGraph } from './index.ts';
import { nodeClassesOf, standInInputs } from './node-classes.ts';
import { CUSTOM_NODE_PACKS } from './node-packs.ts';
import { findEncoder, NO_ENCODER, textGraph } from './picture-texts.ts';
import { transformGraph } from './plan-graph.ts';
import { resolveFiles } from './resolve-files.ts';
import { findTrained, SAVE_CLASSES, trainingGraph } from './training.ts';

/** What keeps a server from running a job, in words; `air` is the resource it is about. */
export interface Lack {
  readonly air: string;
  readonly message: string;
  /** Where the request asks for it, from the job's own object, when it names no resource. */
  readonly path?: readonly (string | number)[];
}

/** Answers kept per list; a list with more is asked anew. */
const KEPT = 5_000;
const GIB = 2 ** 30;

export interface ServerFit {
  /** Empty when the server can run it. Takes the same time however long the server's lists are. */
  lacks(needs: JobNeeds, server: FleetServer): readonly Lack[];
}

/** Remembers, for each version of a server's lists, what jobs of each kind would lack there. */
export function createServerFit(): ServerFit {
  const known = new WeakMap<ServerLists, Map<string, readonly Lack[]>>();
  const fileLacks = (needs: JobNeeds, lists: ServerLists): readonly Lack[] => {
    const answers = known.get(lists) ?? new Map<string, readonly Lack[]>();
    const answer = answers.get(needs.key) ?? findLacks(needs, lists);
    if (answers.size >= KEPT) answers.clear();
    known.set(lists, answers.set(needs.key, answer));
    return answer;
  };
  return {
    lacks(needs, server) {
      const { ecosystems } = server;
      const other = ecosystemsOf(needs.shape).find((name) => ecosystems?.includes(name) === false);
      if (ecosystems !== null && other !== undefined) {
        const message = `it may serve only ${ecosystems.join(', ') || 'nothing'} and this is ${other}; change what it serves, or add a server for ${other}`;
        return [{ air: needs.model, message }];
      }
      const memory = memoryLacks(needs, server);
      // It never answered, so nothing is known that speaks against it.
      if (!server.reachable && Object.keys(server.lists.files).length === 0) return memory;
      return [...memory, ...fileLacks(needs, server.lists)];
    },
  };
}

function memoryLacks({ resources }: JobNeeds, { vramBytes }: FleetServer): Lack[] {
  if (vramBytes === null) return [];
  return Object.entries(resources).flatMap(([air, resource]) => {
    const needed = resource.vramBytes ?? 0;
    if (needed <= vramBytes) return [];
    const [wants, has] = [needed, vramBytes].map((bytes) => (bytes / GIB).toFixed(1));
    const message = `${air} needs ${wants} GiB of video memory and it has ${has}; use a server with more, or correct vramBytes with PATCH /v2/resources/${air}`;
    return [{ air, message }];
  });
}

function findLacks(needs: JobNeeds, lists: ServerLists): readonly Lack[] {
  const { shape, resources } = needs;
  const fileName = (air: string): string | undefined => resources[air]?.fileName ?? undefined;
  switch (shape.operation) {
    case 'textToImage':
      return pictureLacks(shape, fileName, lists);
    case 'imageTransform': {
      const names = nodeClassesOf(
        transformGraph({ ...shape, resolution: 64 }, BLANK_INPUT, 'output'),
      );
      return unknownClasses(names, lists).map((name) => ({
        ...{ air: '', path: ['transformer'] },
        message: `${shape.transformer} needs the node class ${name}, which it does not know; ${whatBrings(name)}`,
      }));
    }
    case 'comfy':
      return graphLacks(shape, fileName, lists);
    case 'imageResourceTraining':
      return trainingLacks(shape, fileName, lists);
    default:
      return textLacks(shape.operation, lists);
  }
}

function trainingLacks(
  { model }: TrainingShape,
  fileName: (air: string) => string | undefined,
  lists: ServerLists,
): readonly Lack[] {
  const saveClass = SAVE_CLASSES.find((name) => lists.nodeClasses.has(name)) ?? 'SaveLoRA';
  const graph = trainingGraph(
    TRAINING_BLANK,
    TRAINING_FILES,
    { checkpoint: 'file', saveClass },
    'output',
  );
  const found = findTrained(model, fileName(model), lists.files);
  return [
    ...unknownClasses(nodeClassesOf(graph), lists).map((name) => ({
      ...{ air: '', path: ['$type'] },
      message: `imageResourceTraining needs the node class ${name}, which it does not know; ${whatBrings(name)}`,
    })),
    ...('message' in found ? [{ air: model, path: ['model'], message: found.message }] : []),
  ];
}

function textLacks(operation: PictureText['operation'], lists: ServerLists): readonly Lack[] {
  const graph = textGraph({ ...TEXT_BLANK, operation }, BLANK_INPUT, 'file');
  const path = ['$type'];
  const unknown = unknownClasses(nodeClassesOf(graph), lists).map((name) => ({
    ...{ air: '', path },
    message: `${operation} needs the node class ${name}, which it does not know; ${whatBrings(name)}`,
  }));
  return operation === 'imageEmbedding' && findEncoder(lists.files) === undefined
    ? [...unknown, { air: '', path, message: `imageEmbedding: ${NO_ENCODER}` }]
    : unknown;
}

const unknownClasses = (names: readonly string[], { nodeClasses }: ServerLists): string[] =>
  nodeClasses.size === 0 ? [] : names.filter((name) => !nodeClasses.has(name));

function pictureLacks(
  shape: TextToImageShape,
  fileName: (air: string) => string | undefined,
  lists: ServerLists,
): readonly Lack[] {
  const { files, missing } = resolveFiles(shape, fileName, lists.files);
  if (!files) return missing;
  if (lists.nodeClasses.size === 0) return [];
  const known = { ...files, inputs: standInInputs(shape) };
  const names = nodeClassesOf(buildGraph({ ...BLANK, ...shape }, known, 'output'));
  return unknownClasses(names, lists).map((name) => {
    const control = (shape.controlNets ?? []).findIndex(({ preprocessor }) =>
      nodeClassesOf(transformImage(preprocessor, ['image', 0], 64).nodes).includes(name),
    );
    return {
      air: shape.model,
      message: `it does not know the node class ${name}; ${whatBrings(name)}`,
      ...(control === -1 ? {} : { path: ['controlNets', control, 'preprocessor'] }),
    };
  });
}

/** A client's own graph: every node that the server does not know, and every model that it does not have. */
function graphLacks(
  { classes, models }: Pick<ComfyGraph, 'classes' | 'models'>,
  fileName: (air: string) => string | undefined,
  lists: ServerLists,
): readonly Lack[] {
  const unknown = classes
    .filter(({ name }) => unknownClasses([runClass(name)], lists).length > 0)
    .map(({ name, nodeId }) => ({
      ...{ air: '', path: [...GRAPH_PATH, nodeId, 'class_type'] },
      message: `node ${nodeId}: it does not know the node class ${name}; ${whatBrings(name)}`,
    }));
  const found = findGraphModels(models, fileName, lists.files);
  const missing = 'missing' in found ? found.missing : [];
  return [
    ...unknown,
    ...missing.map(({ model: { nodeId, classType, input, air = '' }, message }) => ({
      ...{ air, path: [...GRAPH_PATH, nodeId, 'inputs', ...input.split('.')] },
      message: `node ${nodeId} (${classType}), input ${input}: ${message}`,
    })),
  ];
}

/** Where a request has the graph. */
const GRAPH_PATH = ['params', 'workflow'] as const;

function whatBrings(nodeClass: string): string {
  const pack = CUSTOM_NODE_PACKS[nodeClass];
  return pack === undefined
    ? 'update ComfyUI there, or install what brings it'
    : `install ${pack} there`;
}

const BLANK_INPUT = { [PICTURE_ROLE]: 'file' };

const TRAINING_FILES = [0, 1].map(() => ({ image: 'file', caption: '' }));
const TRAINING_BLANK: ResourceTraining = {
  ...{ operation: 'imageResourceTraining', ecosystem: 'sd1', model: '', data: { url: '' } },
  ...{ rounds: 1, batchSize: 1, learningRate: 1, rank: 1, resolution: 64, seed: 0 },
};

/** What a text says changes no node of its graph. */
const TEXT_BLANK = {
  ...{ image: { url: '' }, tagger: '', threshold: 0 },
  ...{ captioner: '', maxNewTokens: 1, isSampled: false, seed: 1 },
};

/** The rest of a generation: it fills inputs and changes no node. */
const BLANK: Omit<TextToImage, keyof TextToImageShape> = {
  ...{ prompt: '', negativePrompt: '', scheduler: 'Euler' },
  ...{ steps: 1, cfgScale: 1, width: 64, height: 64, seed: 0 },
};
