import { createReadStream, type Stats } from 'node:fs';
import { basename, extname, join } from 'node:path';
import type { FaultBook } from '../faults.ts';
import { readPicture } from '../nodes/input-files.ts';
import type { FileType } from '../nodes/node-context.ts';
import { toRgb, type Bitmap } from '../picture/bitmap.ts';
import { encodeJpeg } from '../picture/encode-jpeg.ts';
import { encodePng } from '../picture/encode-png.ts';
import { encodeWebp } from '../picture/encode-webp.ts';
import { empty, type Route, type SimRequest, type SimResponse } from './exchange.ts';
import { locate, statFile } from './stored-file.ts';

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.webp': 'image/webp',
  '.gif': 'image/gif',
  '.mp4': 'video/mp4',
  '.webm': 'video/webm',
  '.json': 'application/json',
  '.txt': 'text/plain',
};

type ByteRange = { readonly start: number; readonly end: number };

const rangeOf = (header: string | undefined, size: number): ByteRange | 'bad' | undefined => {
  if (header === undefined) return undefined;
  const match = /^bytes=(\d*)-(\d*)$/.exec(header.trim());
  if (!match || (match[1] === '' && match[2] === '')) return 'bad';
  const start = match[1] === '' ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const end = match[1] === '' || match[2] === '' ? size - 1 : Math.min(size - 1, Number(match[2]));
  return start > end || start >= size ? 'bad' : { start, end };
};

/** Names in UTF-8, whose bytes Node wants to see as Latin-1. */
const dispositionOf = (path: string): string =>
  Buffer.from(`filename="${basename(path).replace(/\p{Cc}/gu, '_')}"`, 'utf8').toString('latin1');

/** The file as it lies on disk, with conditional and range requests. */
const sendFile = (request: SimRequest, path: string, found: Stats): SimResponse => {
  const etag = `"${found.mtimeMs.toString(16).replace('.', '')}-${found.size.toString(16)}"`;
  const headers: Record<string, string> = {
    etag,
    'last-modified': found.mtime.toUTCString(),
    'accept-ranges': 'bytes',
    'content-type': CONTENT_TYPES[extname(path).toLowerCase()] ?? 'application/octet-stream',
    'content-disposition': dispositionOf(path),
  };
  if (request.headers['if-none-match']?.includes(etag)) return { status: 304, headers };
  const range = rangeOf(request.headers.range, found.size);
  if (range === 'bad') {
    return { status: 416, headers: { 'content-range': `bytes */${found.size}` } };
  }
  if (!range) {
    return {
      status: 200,
      headers: { ...headers, 'content-length': String(found.size) },
      body: createReadStream(path),
    };
  }
  return {
    status: 206,
    headers: {
      ...headers,
      'content-range': `bytes ${range.start}-${range.end}/${found.size}`,
      'content-length': String(range.end - range.start + 1),
    },
    body: createReadStream(path, range),
  };
};

const alphaOnly = (bitmap: Bitmap): Bitmap => {
  const data = new Uint8Array(bitmap.width * bitmap.height * 4);
  for (let pixel = 0; pixel < bitmap.width * bitmap.height; pixel++) {
    data[pixel * 4 + 3] = bitmap.channels === 4 ? (bitmap.data[pixel * 4 + 3] ?? 255) : 255;
  }
  return { width: bitmap.width, height: bitmap.height, channels: 4, data };
};

const qualityOf = (text: string | undefined): number =>
  text !== undefined && /^\d+$/.test(text) ? Math.min(100, Math.max(1, Number(text))) : 90;

/** A re-encoded view: one channel, or a preview as `webp` (the default) or `jpeg;90`. */
const sendReencoded = async (
  path: string,
  preview: string | null,
  channel: string | null,
): Promise<SimResponse> => {
  const bitmap = readPicture(path);
  const [format, quality] = (preview ?? 'png').split(';');
  const type = preview === null ? 'png' : format === 'jpeg' ? 'jpeg' : 'webp';
  const body =
    type === 'jpeg'
      ? encodeJpeg(bitmap, qualityOf(quality))
      : type === 'webp'
        ? encodeWebp(bitmap)
        : await encodePng(channel === 'a' ? alphaOnly(bitmap) : toRgb(bitmap));
  return {
    status: 200,
    headers: {
      'content-type': `image/${type}`,
      'content-disposition': dispositionOf(path),
    },
    body,
  };
};

/** GET /view. */
const view =
  (directory: (type: FileType) => string, faults: FaultBook): Route['handle'] =>
  async (request) => {
    const { query } = request;
    const annotated = query.get('filename');
    if (annotated === null) return empty(404);
    const beside = { type: query.get('type'), subfolder: query.get('subfolder') ?? '' };
    const located = locate(directory, annotated, beside);
    if ('status' in located) return located;
    const path = join(located.folder, basename(located.name));
    const found = await statFile(path);
    if (!found) return empty(404);
    const channel = query.get('channel');
    const preview = query.get('preview');
    if (preview !== null || channel === 'rgb' || channel === 'a') {
      return sendReencoded(path, preview, channel);
    }
    const response = sendFile(request, path, found);
    const cut = faults.take('truncate-view');
    return cut ? { ...response, cutAfter: cut.bytes } : response;
  };

export const fileRoutes = (deps: {
  directory(type: FileType): string;
  readonly faults: FaultBook;
}): Route[] => [{ method: 'GET', path: '/view', handle: view(deps.directory, deps.faults) }];
