/** Nodes of a graph that give files back, and where they write. Pure. */
import type { Graph, GraphNode } from './graph.ts';
import coreNodes from './core-nodes.json' with { type: 'json' };

const OUTPUTS: ReadonlySet<string> = new Set(coreNodes.outputs);
const OTHERS: ReadonlySet<string> = new Set(coreNodes.others);

/**
 * False when certainly none of the nodes is an output, so that ComfyUI would refuse the graph. Of classes that are not
 * ComfyUI's own it cannot be known here.
 */
export const mayHaveOutput = (graph: Graph): boolean =>
  Object.values(graph).some(({ class_type: name }) => OUTPUTS.has(name) || !OTHERS.has(name));

/** Node classes that make more than a picture of it; such jobs are given the time that videos take. */
export const makesVideo = (graph: Graph): boolean =>
  Object.values(graph).some(({ class_type: name }) => /video|webm|animated/i.test(name));

/** Inputs that name a folder or a path to write to, in custom nodes that save. */
const FOLDER_INPUT =
  /^(?:output|save|target|export)?_?(?:path|dir|directory|folder|folder_?name|folder_?path|subfolder|subfolder_?name)$/i;
const SAVES = /save|export|write|output/i;
const PREFIX_INPUT = 'filename_prefix';
const MAX_NAME_LENGTH = 80;

/** The last part of what the client calls its files; ComfyUI's own `%date%` and the like stay. */
const fileName = (prefix: unknown): string => {
  const last = typeof prefix === 'string' ? (prefix.split(/[/\\]/).at(-1) ?? '') : '';
  const plain = last
    .replace(/[\p{Cc}\p{Surrogate}<>:"|?*]/gu, '')
    .slice(0, MAX_NAME_LENGTH)
    .trim();
  return /^\.*$/.test(plain) ? 'ComfyUI' : plain;
};

const confined = (node: GraphNode, folder: string): GraphNode => {
  const { class_type: name } = node;
  const inputs = Object.fromEntries(
    Object.entries(node.inputs).map(([input, value]) => {
      if (input === PREFIX_INPUT) return [input, `${folder}/${fileName(value)}`];
      return [input, SAVES.test(name) && FOLDER_INPUT.test(input) ? folder : value];
    }),
  );
  if (name !== 'SaveImageWebsocket') return { ...node, inputs };
  // It hands its pictures to a listener and keeps none, so nothing of them could be collected.
  const saved = { ...inputs, [PREFIX_INPUT]: `${folder}/ComfyUI` };
  return { ...node, class_type: 'SaveImage', inputs: saved };
};

/**
 * The graph with everything that it saves inside of `folder`, under the names that the client gave. A prefix that comes
 * from another node is replaced as well: what that would say is not known here.
 */
export const confineOutputs = (graph: Graph, folder: string): Graph =>
  Object.fromEntries(
    Object.entries(graph).map(([nodeId, node]) => [nodeId, confined(node, folder)]),
  );

/** Node classes as they will be run. */
export const runClass = (classType: string): string =>
  classType === 'SaveImageWebsocket' ? 'SaveImage' : classType;
