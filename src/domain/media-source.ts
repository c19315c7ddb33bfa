/** Where an input file comes from: fetched from an address, or a stored file of the tenant. */
export type MediaSource = { readonly url: string } | { readonly blobKey: string };

export type MediaKind = 'image' | 'video' | 'audio' | 'archive' | 'any';

/** True for text of the form that our own public ids of files have. */
export const isBlobKey = (text: string): boolean =>
  /^[0-9A-HJKMNP-TV-Z]{26}\.[a-z0-9]{1,8}$/.test(text);
