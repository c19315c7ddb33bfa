/** A small picture of a drawing that is not finished. */

export const PREVIEW_TYPES = ['image/jpeg', 'image/png', 'image/webp'] as const;
export type PreviewType = (typeof PREVIEW_TYPES)[number];

/** Larger ones are left out; ComfyUI's own are JPEGs of at most 512 pixels a side. */
export const MOST_PREVIEW_BYTES = 512 * 1024;

/** What kind of picture these bytes begin like, whatever somebody says of them; undefined for anything else. */
export function previewType(bytes: Uint8Array): PreviewType | undefined {
  if (bytes.length < 16 || bytes.length > MOST_PREVIEW_BYTES) return undefined;
  const text = String.fromCharCode(...bytes.subarray(0, 16));
  if (text.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (text.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png';
  if (text.startsWith('RIFF') && text.slice(8, 12) === 'WEBP') return 'image/webp';
  return undefined;
}
