import { encodePng } from '../picture/encode-png.ts';
import { createBitmap } from '../picture/bitmap.ts';
import { maskToBitmap } from './mask-nodes.ts';
import {
  imageIn,
  maskIn,
  textIn,
  type FileType,
  type NodeContext,
  type NodeExecutor,
  type NodeResult,
} from './node-context.ts';
import { saveLatent } from './save-latent.ts';
import { findSavePath, writeInto } from './save-path.ts';
import type { ImageValue } from './values.ts';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

const randomLetters = (): string =>
  Array.from({ length: 5 }, () => LETTERS[Math.floor(Math.random() * LETTERS.length)]).join('');

const save = async (
  image: ImageValue,
  type: FileType,
  prefix: string,
  context: NodeContext,
): Promise<NodeResult> => {
  const first = image.frames[0] ?? createBitmap(1, 1);
  const path = await findSavePath(
    context.savedNumbers,
    context.directory(type),
    prefix,
    first.width,
    first.height,
  );
  const images: unknown[] = [];
  for (const [index, frame] of image.frames.entries()) {
    const filename = await writeInto(path, index, await encodePng(frame, context.pngText()));
    images.push({ filename, subfolder: path.subfolder, type });
  }
  return { outputs: [], ui: { images } };
};

const saveImage: NodeExecutor = (inputs, context) =>
  save(imageIn(inputs, 'images'), 'output', textIn(inputs, 'filename_prefix', 'ComfyUI'), context);

const previewImage: NodeExecutor = (inputs, context) =>
  save(imageIn(inputs, 'images'), 'temp', `ComfyUI_temp_${randomLetters()}`, context);

const maskPreview: NodeExecutor = (inputs, context) => {
  const mask = maskIn(inputs, 'mask');
  const image: ImageValue = { kind: 'image', digest: mask.digest, frames: maskToBitmap(mask) };
  return save(image, 'temp', `ComfyUI_temp_${randomLetters()}`, context);
};

const previewAny: NodeExecutor = (inputs) => {
  const value = inputs['source'];
  const text = typeof value === 'object' ? JSON.stringify({ kind: value.kind }) : String(value);
  return { outputs: [], ui: { text: [text] } };
};

export const SAVE_NODES: Readonly<Record<string, NodeExecutor>> = {
  SaveImage: saveImage,
  PreviewImage: previewImage,
  MaskPreview: maskPreview,
  PreviewAny: previewAny,
  SaveLatent: saveLatent,
};
