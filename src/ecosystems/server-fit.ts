/** Whether a server can run a job: what it may serve, its model files, its node classes, its memory. */
import type { FleetServer, ServerLists } from '../domain/fleet.ts';
import type { TextToImage } from '../domain/generation.ts';
import type { GenerationShape, JobNeeds } from '../domain/job-needs.ts';
import { CUSTOM_NODE_PACKS } from './image-transformers.ts';
import { buildGraph } from './index.ts';
import { nodeClassesOf, standInInputs } from './node-classes.ts';
import { resolveFiles } from './resolve-files.ts';

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
      const { ecosystem, model } = needs.shape;
      if (server.ecosystems !== null && !server.ecosystems.includes(ecosystem)) {
        const message = `it may serve only ${server.ecosystems.join(', ') || 'nothing'} and this is ${ecosystem}; change what it serves, or add a server for ${ecosystem}`;
        return [{ air: model, message }];
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

function findLacks({ shape, resources }: JobNeeds, lists: ServerLists): readonly Lack[] {
  const fileName = (air: string): string | undefined => resources[air]?.fileName ?? undefined;
  const { files, missing } = resolveFiles(shape, fileName, lists.files);
  if (!files) return missing;
  if (lists.nodeClasses.size === 0) return [];
  const known = { ...files, inputs: standInInputs(shape) };
  return nodeClassesOf(buildGraph({ ...BLANK, ...shape }, known, 'output'))
    .filter((name) => !lists.nodeClasses.has(name))
    .map((name) => ({
      air: shape.model,
      message: `it does not know the node class ${name}; ${whatBrings(name)}`,
    }));
}

function whatBrings(nodeClass: string): string {
  const pack = CUSTOM_NODE_PACKS[nodeClass];
  return pack === undefined
    ? 'update ComfyUI there, or install what brings it'
    : `install ${pack} there`;
}

/** The rest of a generation: it fills inputs and changes no node. */
const BLANK: Omit<TextToImage, keyof GenerationShape> = {
  ...{ operation: 'textToImage', prompt: '', negativePrompt: '', scheduler: 'Euler' },
  ...{ steps: 1, cfgScale: 1, width: 64, height: 64, seed: 0 },
};
