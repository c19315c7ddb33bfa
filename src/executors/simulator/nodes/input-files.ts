import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, normalize, sep } from 'node:path';
import { digestOf } from '../graph/node-signature.ts';
import { createBitmap, type Bitmap } from '../picture/bitmap.ts';
import { drawScene } from '../picture/draw-picture.ts';
import { MOST_PIXELS, decodePng } from '../picture/decode-png.ts';
import { channelOf } from './mask-nodes.ts';
import {
  NodeError,
  textIn,
  type FileType,
  type NodeContext,
  type NodeExecutor,
} from './node-context.ts';
import type { MaskValue } from './values.ts';

const ANNOTATION = / \[(input|output|temp)\]$/;

/** Splits `name [output]` as ComfyUI's file names carry their folder. */
export const splitAnnotation = (name: string): { name: string; type: FileType | undefined } => {
  const type = ANNOTATION.exec(name)?.[1] as FileType | undefined;
  return { name: name.replace(ANNOTATION, ''), type };
};

/** The file a loader means, or undefined when there is none inside that folder. */
export const findInputFile = (
  annotated: unknown,
  directory: (type: FileType) => string,
): string | undefined => {
  if (typeof annotated !== 'string') return undefined;
  const { name, type } = splitAnnotation(annotated);
  const root = directory(type ?? 'input');
  const full = normalize(join(root, name));
  if (!full.startsWith(root + sep) || !existsSync(full) || !statSync(full).isFile())
    return undefined;
  return full;
};

/** Width and height of a JPEG, WebP or GIF from its header. */
const sizeInHeader = (bytes: Buffer): readonly [number, number] | undefined => {
  if (bytes.toString('latin1', 0, 3) === 'GIF')
    return [bytes.readUInt16LE(6), bytes.readUInt16LE(8)];
  if (bytes.toString('latin1', 8, 12) === 'WEBP') {
    const form = bytes.toString('latin1', 12, 16);
    if (form === 'VP8X') return [bytes.readUIntLE(24, 3) + 1, bytes.readUIntLE(27, 3) + 1];
    if (form === 'VP8L') {
      const bits = bytes.readUInt32LE(21);
      return [(bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1];
    }
    return [bytes.readUInt16LE(26) & 0x3fff, bytes.readUInt16LE(28) & 0x3fff];
  }
  if (bytes.length < 4 || bytes.readUInt16BE(0) !== 0xffd8) return undefined;
  for (let at = 2; at + 9 < bytes.length;) {
    const marker = bytes[at + 1] ?? 0;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return [bytes.readUInt16BE(at + 7), bytes.readUInt16BE(at + 5)];
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return undefined;
};

/** PNG pixels are read; of other formats only the size is, and a scene stands in for the content. */
export const readPicture = (file: string): Bitmap => {
  const bytes = readFileSync(file);
  try {
    return decodePng(bytes);
  } catch (error) {
    const size = sizeInHeader(bytes);
    if (!size) {
      throw new NodeError(
        'PIL.UnidentifiedImageError',
        `cannot identify image file '${file}' (${String(error)})`,
      );
    }
    if (size[0] * size[1] > MOST_PIXELS) {
      throw new NodeError('PIL.Image.DecompressionBombError', `${size[0]}×${size[1]} pixels`);
    }
    const digest = digestOf(bytes.toString('base64'));
    const recipe = { digest, composition: digest, prompt: '', seed: '', model: '', settings: '' };
    return drawScene(recipe, size[0], size[1]);
  }
};

const open = (annotated: string, context: NodeContext): Bitmap => {
  const file = findInputFile(annotated, context.directory);
  if (file === undefined) {
    throw new NodeError('FileNotFoundError', `[Errno 2] No such file or directory: '${annotated}'`);
  }
  return readPicture(file);
};

/** Content of a loader's file as part of its signature: a replaced file is not served from the cache. */
export const contentDigest = (
  classType: string,
  inputs: Record<string, unknown>,
  directory: (type: FileType) => string,
): string => {
  if (!Object.hasOwn(INPUT_NODES, classType)) return '';
  const file = findInputFile(inputs['image'], directory);
  return file === undefined ? 'missing' : digestOf(readFileSync(file).toString('base64'));
};

const loadImage: NodeExecutor = (inputs, context) => {
  const name = textIn(inputs, 'image');
  const picture = open(name, context);
  // What is drawn from it depends on its content and not on its name.
  const digest = digestOf('picture', contentDigest(context.classType, inputs, context.directory));
  const { width, height } = picture;
  const mask: MaskValue =
    picture.channels === 4
      ? {
          kind: 'mask',
          digest: digestOf(digest, 'mask'),
          width,
          height,
          frames: [channelOf(picture, 'alpha').map((value) => 255 - value)],
        }
      : {
          kind: 'mask',
          digest: digestOf('no mask'),
          width: 64,
          height: 64,
          frames: [new Uint8Array(64 * 64)],
        };
  const rgb = createBitmap(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) rgb.data[i * 3 + c] = picture.data[i * picture.channels + c] ?? 0;
  }
  return { outputs: [{ kind: 'image', digest, frames: [rgb] }, mask] };
};

const loadImageMask: NodeExecutor = (inputs, context) => {
  const picture = open(textIn(inputs, 'image'), context);
  const channel = textIn(inputs, 'channel');
  const frame = channelOf(picture, channel);
  return {
    outputs: [
      {
        kind: 'mask',
        digest: digestOf(
          'mask',
          channel,
          contentDigest(context.classType, inputs, context.directory),
        ),
        width: picture.width,
        height: picture.height,
        frames: [channel === 'alpha' ? frame.map((value) => 255 - value) : frame],
      },
    ],
  };
};

export const INPUT_NODES: Readonly<Record<string, NodeExecutor>> = {
  LoadImage: loadImage,
  LoadImageMask: loadImageMask,
};
