/** The input files of a generation. Pure. */
import type { Generation, MediaSource } from './generation.ts';

export const MEDIA_KINDS = ['image', 'video', 'audio', 'any'] as const;
export type MediaKind = (typeof MEDIA_KINDS)[number];

export interface MediaInput {
  /** Names it among the inputs of its generation. */
  readonly role: string;
  readonly kind: MediaKind;
  readonly source: MediaSource;
}

/** What has to be on the server before the graph of this generation runs, each role once. */
export function inputsOf({ source, controlNets = [] }: Generation): readonly MediaInput[] {
  const pictures = [
    ...(source ? [{ role: 'image', source: source.image }] : []),
    ...(source?.mask ? [{ role: 'mask', source: source.mask }] : []),
    ...controlNets.map(({ image }, index) => ({ role: `control${index}`, source: image })),
  ];
  return pictures.map((picture) => ({ ...picture, kind: 'image' as const }));
}
