/** Input files of a generation. Pure. */
import type { Generation, TextToImage } from './generation.ts';
import { isBlobKey, type MediaKind, type MediaSource } from './media-source.ts';

/** The role of a ControlNet's image, counted from 0. */
export const controlRole = (index: number): string => `control${index}`;

/** Where each input file of a generation comes from, by role: `image`, `mask`, `control0`, … */
export const inputsOf = ({
  source,
  controlNets = [],
}: Pick<TextToImage, 'source' | 'controlNets'>): Readonly<Record<string, MediaSource>> => ({
  ...(source === undefined ? {} : { image: source.image }),
  ...(source?.mask === undefined ? {} : { mask: source.mask }),
  ...Object.fromEntries(controlNets.map(({ image }, index) => [controlRole(index), image])),
});

/** The role of the one picture that a job is about. */
export const PICTURE_ROLE = 'image';

/** The role of an archive of training pictures. */
export const ARCHIVE_ROLE = 'data';

export interface MediaInput {
  /** Names it among the inputs of its generation. */
  readonly role: string;
  readonly kind: MediaKind;
  readonly source: MediaSource;
}

/** What has to be on the server before the graph of this generation runs, each role once. */
export function mediaInputsOf(generation: Generation): readonly MediaInput[] {
  switch (generation.operation) {
    case 'textToImage':
      return Object.entries(inputsOf(generation)).map(([role, source]) => ({
        ...{ role, source },
        kind: 'image',
      }));
    case 'imageTransform':
    case 'wdTagging':
    case 'mediaTagging':
    case 'mediaCaptioning':
    case 'imageEmbedding':
      return [{ role: PICTURE_ROLE, kind: 'image', source: generation.image }];
    case 'imageResourceTraining':
      return [{ role: ARCHIVE_ROLE, kind: 'archive', source: generation.data }];
    case 'comfy':
      return generation.media;
  }
}

/**
 * The key of a stored file in a link to it, whichever address the API has for the client: such a file is taken from the
 * store, where the API may not be reached from. Undefined for any other URL.
 */
export function blobKeyOfLink(url: string): string | undefined {
  const key = /^https?:\/\/[^/?#]+\/(?:[^?#]*\/)?v2\/consumer\/blobs\/([^/?#]+)/i.exec(url)?.[1];
  return key !== undefined && isBlobKey(key) ? key : undefined;
}
