import { createReadStream, type Stats } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join, normalize, resolve, sep } from 'node:path';
import type { FaultBook } from '../faults.ts';
import { splitAnnotation } from '../nodes/input-files.ts';
import type { FileType } from '../nodes/node-context.ts';
import { toRgb, type Bitmap } from '../picture/bitmap.ts';
import { decodePng } from '../picture/decode-png.ts';
import { encodePng } from '../picture/encode-png.ts';
import { PythonError } from '../graph/python-values.ts';
import { empty, json, type Route, type SimRequest, type SimResponse } from './exchange.ts';

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

const TYPES: readonly string[] = ['output', 'input', 'temp'];
const isFileType = (value: string): value is FileType => TYPES.includes(value);

const inside = (root: string, path: string): boolean =>
  path === root || path.startsWith(root + sep);

const statFile = async (path: string): Promise<Stats | undefined> => {
  try {
    const found = await stat(path);
    return found.isFile() ? found : undefined;
  } catch {
    return undefined;
  }
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

/** The file as it lies on disk, with conditional and range requests. */
const sendFile = (request: SimRequest, path: string, found: Stats): SimResponse => {
  const etag = `"${found.mtimeMs.toString(16).replace('.', '')}-${found.size.toString(16)}"`;
  const headers: Record<string, string> = {
    etag,
    'last-modified': found.mtime.toUTCString(),
    'accept-ranges': 'bytes',
    'content-type': CONTENT_TYPES[extname(path).toLowerCase()] ?? 'application/octet-stream',
    'content-disposition': `filename="${basename(path)}"`,
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

/** A re-encoded view. Previews come as PNG too: this simulator writes no WebP or JPEG. */
const sendReencoded = async (path: string, channel: string | null): Promise<SimResponse> => {
  const bitmap = decodePng(await readFile(path));
  const body = await encodePng(channel === 'a' ? alphaOnly(bitmap) : toRgb(bitmap));
  return {
    status: 200,
    headers: {
      'content-type': 'image/png',
      'content-disposition': `filename="${basename(path)}"`,
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
    const { name, type } = splitAnnotation(annotated);
    if (name === '' || name.startsWith('/') || name.includes('..')) return empty(400);
    const wanted = type ?? query.get('type') ?? 'output';
    if (!isFileType(wanted)) return empty(400);
    const root = directory(wanted);
    const folder = resolve(root, query.get('subfolder') ?? '');
    if (!inside(root, folder)) return empty(403);
    const path = join(folder, basename(name));
    const found = await statFile(path);
    if (!found) return empty(404);
    const channel = query.get('channel');
    if (query.has('preview') || channel === 'rgb' || channel === 'a') {
      return sendReencoded(path, channel);
    }
    const response = sendFile(request, path, found);
    const cut = faults.take('truncate-view');
    return cut ? { ...response, cutAfter: cut.bytes } : response;
  };

const same = async (path: string, bytes: Buffer): Promise<boolean> =>
  (await readFile(path)).equals(bytes);

/** POST /upload/image: the same name with other content gets a number, the same content its old name. */
const upload =
  (directory: (type: FileType) => string): Route['handle'] =>
  async (request) => {
    // Any other body is a form without fields.
    if (!request.headers['content-type']?.startsWith('multipart/form-data')) return empty(400);
    const form = await new Response(new Uint8Array(request.body), {
      headers: { 'content-type': request.headers['content-type'] ?? '' },
    }).formData();
    const file = form.get('image');
    if (file === null || typeof file === 'string' || file.name === '') return empty(400);
    const field = (name: string): string | undefined => {
      const value = form.get(name);
      return typeof value === 'string' ? value : undefined;
    };
    const type = field('type') ?? 'input';
    if (!isFileType(type)) throw new PythonError('UnboundLocalError', 'type_dir');
    const subfolder = field('subfolder') ?? '';
    const root = directory(type);
    const folder = join(root, normalize(subfolder));
    const first = resolve(folder, file.name);
    if (!inside(root, first)) return empty(400);
    await mkdir(dirname(first), { recursive: true });

    const bytes = Buffer.from(await file.arrayBuffer());
    const overwrite = ['true', '1'].includes(field('overwrite') ?? '');
    const extension = extname(file.name);
    let name = file.name;
    let path = first;
    for (let number = 1; !overwrite && (await statFile(path)); number++) {
      if (await same(path, bytes)) return json({ name, subfolder, type });
      name = `${file.name.slice(0, file.name.length - extension.length)} (${number})${extension}`;
      path = join(folder, name);
    }
    await writeFile(path, bytes);
    return json({ name, subfolder, type });
  };

export const fileRoutes = (deps: {
  directory(type: FileType): string;
  readonly faults: FaultBook;
}): Route[] => [
  { method: 'GET', path: '/view', handle: view(deps.directory, deps.faults) },
  { method: 'POST', path: '/upload/image', handle: upload(deps.directory) },
];
