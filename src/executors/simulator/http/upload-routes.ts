import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, extname, join, normalize, resolve } from 'node:path';
import { isRecord } from '../graph/prompt-graph.ts';
import { PythonError } from '../graph/python-values.ts';
import { readPicture } from '../nodes/input-files.ts';
import type { FileType } from '../nodes/node-context.ts';
import { createBitmap, type Bitmap } from '../picture/bitmap.ts';
import { decodePng } from '../picture/decode-png.ts';
import { encodePng } from '../picture/encode-png.ts';
import { scaleBitmap } from '../picture/scale-bitmap.ts';
import { empty, json, type Route, type SimRequest, type SimResponse } from './exchange.ts';
import { inside, isFileType, locate, statFile } from './stored-file.ts';

type Directory = (type: FileType) => string;

/** Writes the upload to that path; an answer instead refuses it. */
type Save = (bytes: Buffer, form: FormData, path: string) => Promise<SimResponse | undefined>;

const field = (form: FormData, name: string): string | undefined => {
  const value = form.get(name);
  return typeof value === 'string' ? value : undefined;
};

const same = async (path: string, bytes: Buffer): Promise<boolean> =>
  (await readFile(path)).equals(bytes);

const formOf = async (request: SimRequest): Promise<FormData | undefined> => {
  const type = request.headers['content-type'];
  // Any other body is a form without fields.
  if (type?.startsWith('multipart/form-data') !== true) return undefined;
  const body = new Uint8Array(request.body);
  return new Response(body, { headers: { 'content-type': type } }).formData();
};

/** The same name with other content gets a number, the same content its old name. */
const upload =
  (directory: Directory, save: Save): Route['handle'] =>
  async (request) => {
    const form = await formOf(request);
    const file = form?.get('image');
    if (!form || !file || typeof file === 'string' || file.name === '') return empty(400);
    const type = field(form, 'type') ?? 'input';
    if (!isFileType(type)) throw new PythonError('UnboundLocalError', 'type_dir');
    const subfolder = field(form, 'subfolder') ?? '';
    const root = directory(type);
    const folder = join(root, normalize(subfolder));
    const first = resolve(folder, file.name);
    if (!inside(root, first)) return empty(400);
    await mkdir(dirname(first), { recursive: true });

    const bytes = Buffer.from(await file.arrayBuffer());
    const overwrite = ['true', '1'].includes(field(form, 'overwrite') ?? '');
    const extension = extname(file.name);
    let name = file.name;
    let path = first;
    for (let number = 1; !overwrite && (await statFile(path)); number++) {
      if (await same(path, bytes)) return json({ name, subfolder, type });
      name = `${file.name.slice(0, file.name.length - extension.length)} (${number})${extension}`;
      path = join(folder, name);
    }
    return (await save(bytes, form, path)) ?? json({ name, subfolder, type });
  };

const alphaOf = (mask: Bitmap, index: number): number =>
  mask.channels === 4 ? (mask.data[index * 4 + 3] ?? 255) : 255;

/** The picture with the alpha channel of another one of its size. */
const withAlpha = (picture: Bitmap, mask: Bitmap): Bitmap => {
  const { width, height, channels } = picture;
  const alpha = scaleBitmap(mask, width, height);
  const out = createBitmap(width, height, [0, 0, 0], 4);
  for (let index = 0; index < width * height; index++) {
    for (let c = 0; c < 3; c++) {
      out.data[index * 4 + c] = picture.data[index * channels + c] ?? 0;
    }
    out.data[index * 4 + 3] = alphaOf(alpha, index);
  }
  return out;
};

/** Text chunks of a PNG; none of any other file. */
const textOf = (bytes: Buffer): Readonly<Record<string, string>> => {
  try {
    return decodePng(bytes).text;
  } catch {
    return {};
  }
};

/** Stores the picture that `original_ref` names, with the alpha channel of the upload. */
const saveMasked =
  (directory: Directory): Save =>
  async (bytes, form, path) => {
    const ref: unknown = JSON.parse(field(form, 'original_ref') ?? '');
    if (!isRecord(ref) || typeof ref['filename'] !== 'string') {
      throw new PythonError('KeyError', "'filename'");
    }
    const { filename, type, subfolder } = ref;
    const beside = { type, subfolder: typeof subfolder === 'string' ? subfolder : '' };
    const located = locate(directory, filename, beside);
    if ('status' in located) return located;
    const original = join(located.folder, located.name);
    // Without an original nothing is written, and the answer is the same.
    if (!(await statFile(original))) return undefined;
    const masked = withAlpha(readPicture(original), decodePng(bytes));
    await writeFile(path, await encodePng(masked, textOf(await readFile(original))));
    return undefined;
  };

const saveAsIs: Save = async (bytes, _form, path) => {
  await writeFile(path, bytes);
  return undefined;
};

/** POST /upload/image and /upload/mask. */
export const uploadRoutes = (directory: Directory): Route[] => [
  { method: 'POST', path: '/upload/image', handle: upload(directory, saveAsIs) },
  { method: 'POST', path: '/upload/mask', handle: upload(directory, saveMasked(directory)) },
];
