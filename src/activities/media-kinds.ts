/** What files that are no pictures are, by their first bytes. */

const ascii = (head: Buffer, start: number, end: number): string =>
  head.toString('latin1', start, end);

/** https://www.rfc-editor.org/rfc/rfc8794 (EBML), whose document type stands near the beginning. */
const EBML = '1a45dfa3';

const video = (head: Buffer): string | undefined => {
  if (ascii(head, 4, 8) === 'ftyp') {
    const brand = ascii(head, 8, 12);
    if (brand === 'M4A ') return 'audio/mp4';
    return brand === 'qt  ' ? 'video/quicktime' : 'video/mp4';
  }
  if (head.toString('hex', 0, 4) === EBML)
    return head.includes('matroska') ? 'video/x-matroska' : 'video/webm';
  return ascii(head, 0, 4) === 'RIFF' && ascii(head, 8, 12) === 'AVI '
    ? 'video/x-msvideo'
    : undefined;
};

const audio = (head: Buffer): string | undefined => {
  const start = ascii(head, 0, 4);
  if (start === 'fLaC') return 'audio/flac';
  if (start === 'OggS') return 'audio/ogg';
  if (start === 'RIFF' && ascii(head, 8, 12) === 'WAVE') return 'audio/wav';
  const isFrame = head[0] === 0xff && ((head[1] ?? 0) & 0xe6) === 0xe2;
  return start.startsWith('ID3') || isFrame ? 'audio/mpeg' : undefined;
};

/** The first file of an archive: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT section 4.3.7 */
const ZIP = '504b0304';

/** Kinds that only their name tells; nothing of them is checked but that it is no web page. */
const BY_EXTENSION: Readonly<Record<string, string>> = {
  ...{ svg: 'image/svg+xml', tif: 'image/tiff', tiff: 'image/tiff', exr: 'image/x-exr' },
  ...{ obj: 'model/obj', stl: 'model/stl', ply: 'model/ply', gltf: 'model/gltf+json' },
  ...{ latent: 'application/octet-stream', safetensors: 'application/octet-stream' },
  ...{ txt: 'text/plain', json: 'application/json', srt: 'text/plain' },
};

/** Content type of a video, a sound, a 3D model or what else a node may write; undefined for anything else. */
export function mediaType(name: string, head: Buffer): string | undefined {
  if (ascii(head, 0, 4) === 'glTF') return 'model/gltf-binary';
  if (head.toString('hex', 0, 4) === ZIP) return 'application/zip';
  const known = video(head) ?? audio(head);
  if (known !== undefined) return known;
  const extension = /\.([a-z0-9]+)$/.exec(name.toLowerCase())?.[1] ?? '';
  const isPage = /^\s*<(?:!doctype\s+)?html/i.test(head.toString('latin1'));
  return Object.hasOwn(BY_EXTENSION, extension) && !isPage ? BY_EXTENSION[extension] : undefined;
}
