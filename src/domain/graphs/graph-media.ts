/** Input files that a graph names: by URL, by the key of a stored file, or as they lie in a server's input folder. Pure. */
import type { Graph } from './graph.ts';
import { isBlobKey, type MediaKind, type MediaSource } from '../media-source.ts';
import { eachText, mapTexts, type TextPlace } from './graph-texts.ts';
import type { GraphFault } from './read-graph.ts';

export interface GraphMedia {
  /** Names it among the inputs of its job. */
  readonly role: string;
  readonly kind: MediaKind;
  readonly nodeId: string;
  readonly input: string;
  readonly source: MediaSource;
}

/** ComfyUI's own loaders, and those of ComfyUI-VideoHelperSuite, which most video graphs use. */
const LOADERS: Readonly<Record<string, Readonly<Record<string, MediaKind>>>> = {
  LoadImage: { image: 'image' },
  LoadImageMask: { image: 'image' },
  LoadImageOutput: { image: 'image' },
  LoadVideo: { file: 'video' },
  LoadAudio: { audio: 'audio' },
  LoadLatent: { latent: 'any' },
  Load3D: { model_file: 'any' },
  VHS_LoadVideo: { video: 'video' },
  VHS_LoadVideoFFmpeg: { video: 'video' },
  VHS_LoadAudioUpload: { audio: 'audio' },
};

const URL_TEXT = /^https?:\/\/\S+$/i;

const kindOf = ({ classType, input }: TextPlace): MediaKind | undefined => {
  const name = input.join('.');
  const inputs = Object.hasOwn(LOADERS, classType) ? LOADERS[classType] : undefined;
  return inputs && Object.hasOwn(inputs, name) ? inputs[name] : undefined;
};

/** Nodes that load, but not those that fetch a URL themselves. */
const mayLoad = ({ classType, input }: TextPlace): boolean =>
  /load/i.test(classType) && !/ur[li]/i.test(classType) && !/ur[li]/i.test(input.at(-1) ?? '');

function sourceOf(text: string, place: TextPlace): Pick<GraphMedia, 'kind' | 'source'> | undefined {
  const kind = kindOf(place);
  if (URL_TEXT.test(text))
    return kind === undefined && !mayLoad(place)
      ? undefined
      : { kind: kind ?? 'any', source: { url: text } };
  return kind !== undefined && isBlobKey(text) ? { kind, source: { blobKey: text } } : undefined;
}

/** The files to be brought to the server, in the order of the graph; the same one once for each kind of loader. */
export function mediaIn(graph: Graph): readonly GraphMedia[] {
  const found = new Map<string, GraphMedia>();
  eachText(graph, (text, place) => {
    const media = sourceOf(text, place);
    if (media === undefined) return;
    const key = keyOf(media);
    const { nodeId, input } = place;
    if (!found.has(key))
      found.set(key, { role: `media${found.size}`, nodeId, input: input.join('.'), ...media });
  });
  return [...found.values()];
}

const keyOf = ({ kind, source }: Pick<GraphMedia, 'kind' | 'source'>): string =>
  JSON.stringify([kind, source]);

/** The graph with the names under which the files lie on a server; `names` by role. */
export function renameMedia(
  graph: Graph,
  media: readonly GraphMedia[],
  names: Readonly<Record<string, string>>,
): Graph {
  const byKey = new Map(media.map((one) => [keyOf(one), names[one.role]]));
  return mapTexts(graph, (text, place) => {
    const found = sourceOf(text, place);
    return (found && byKey.get(keyOf(found))) ?? text;
  });
}

/** Where other jobs' files lie on a server; the ids in between are secret, yet nobody has a reason to name them. */
const OURS = /^orchestrator[/\\]/i;
const ANNOTATED = /\s\[(?:output|temp)\]$/;

/** Loaders that would read what is not in the server's input folder, or another job's files. */
export function mediaFaults(graph: Graph): readonly GraphFault[] {
  const faults: GraphFault[] = [];
  eachText(graph, (text, place) => {
    if (kindOf(place) === undefined || sourceOf(text, place) !== undefined) return;
    const isRelative = text.split(/[/\\]/).some((part) => part === '.' || part === '..');
    const leaves = /^(?:[/\\]|[a-z]:)/i.test(text) || isRelative || ANNOTATED.test(text);
    if (!leaves && !OURS.test(text)) return;
    faults.push({
      path: [place.nodeId, 'inputs', ...place.input],
      message:
        'expected a URL, the key of a stored file of yours, or a name in the input folder of the server',
    });
  });
  return faults;
}
