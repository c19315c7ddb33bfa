import { createBitmap, mixBitmaps, toRgb, type Bitmap } from '../picture/bitmap.ts';
import { findEdges } from '../picture/edges.ts';
import { cropBitmap, scaleBitmap, scaleLikeComfy } from '../picture/scale-bitmap.ts';
import { digestInputs } from './model-nodes.ts';
import { imageIn, numberIn, textIn, type NodeExecutor, type NodeInputs } from './node-context.ts';
import { scaledMask } from './mask-nodes.ts';
import type { ImageValue } from './values.ts';

const image = (digest: string, frames: readonly Bitmap[]): { outputs: [ImageValue] } => ({
  outputs: [{ kind: 'image', digest, frames }],
});

/** A class that treats each picture of a batch alike. */
const perFrame =
  (input: string, change: (frame: Bitmap, inputs: NodeInputs) => Bitmap): NodeExecutor =>
  (inputs, context) =>
    image(
      digestInputs(context.classType, inputs),
      imageIn(inputs, input).frames.map((frame) => change(frame, inputs)),
    );

const emptyImage: NodeExecutor = (inputs, context) => {
  const colour = numberIn(inputs, 'color', 0);
  const frame = createBitmap(numberIn(inputs, 'width'), numberIn(inputs, 'height'), [
    (colour >> 16) & 255,
    (colour >> 8) & 255,
    colour & 255,
  ]);
  const batch = numberIn(inputs, 'batch_size', 1);
  return image(
    digestInputs(context.classType, inputs),
    Array.from({ length: batch }, () => frame),
  );
};

const scale = (frame: Bitmap, inputs: NodeInputs): Bitmap => {
  let [width, height] = [numberIn(inputs, 'width'), numberIn(inputs, 'height')];
  if (width === 0 && height === 0) return frame;
  if (width === 0) width = Math.max(1, Math.round((frame.width * height) / frame.height));
  if (height === 0) height = Math.max(1, Math.round((frame.height * width) / frame.width));
  return scaleLikeComfy(
    frame,
    width,
    height,
    textIn(inputs, 'upscale_method'),
    textIn(inputs, 'crop'),
  );
};

const scaleBy = (frame: Bitmap, inputs: NodeInputs): Bitmap => {
  const by = numberIn(inputs, 'scale_by');
  return scaleBitmap(
    frame,
    Math.max(1, Math.round(frame.width * by)),
    Math.max(1, Math.round(frame.height * by)),
    textIn(inputs, 'upscale_method'),
  );
};

const scaleToMegapixels = (frame: Bitmap, inputs: NodeInputs): Bitmap => {
  const wanted = numberIn(inputs, 'megapixels') * 1024 * 1024;
  const by = Math.sqrt(wanted / (frame.width * frame.height));
  return scaleBitmap(
    frame,
    Math.round(frame.width * by),
    Math.round(frame.height * by),
    textIn(inputs, 'upscale_method'),
  );
};

/** Upscale models are fourfold unless their file name says otherwise (`…x2…`, `2x…`). */
const upscaleWithModel: NodeExecutor = async (inputs, context) => {
  const model = inputs['upscale_model'];
  const label = typeof model === 'object' && model.kind === 'opaque' ? model.label : '';
  const factor = Number(/x([248])|([248])x/i.exec(label)?.slice(1).find(Boolean) ?? 4);
  const source = imageIn(inputs, 'image');
  for (let step = 1; step <= source.frames.length; step++) {
    await context.step(step, source.frames.length);
  }
  return image(
    digestInputs(context.classType, inputs),
    source.frames.map((frame) => scaleBitmap(frame, frame.width * factor, frame.height * factor)),
  );
};

const invert = (frame: Bitmap): Bitmap => ({
  ...frame,
  data: frame.data.map((value, index) => (index % frame.channels === 3 ? value : 255 - value)),
});

const canny = (frame: Bitmap, inputs: NodeInputs): Bitmap =>
  findEdges(frame, numberIn(inputs, 'low_threshold'), numberIn(inputs, 'high_threshold'));

const MODES: Readonly<Record<string, (under: number, over: number) => number>> = {
  normal: (_under, over) => over,
  multiply: (under, over) => under * over,
  screen: (under, over) => 1 - (1 - under) * (1 - over),
  overlay: (under, over) => (under <= 0.5 ? 2 * under * over : 1 - 2 * (1 - under) * (1 - over)),
  soft_light: (under, over) =>
    over <= 0.5
      ? under - (1 - 2 * over) * under * (1 - under)
      : under + (2 * over - 1) * (Math.sqrt(under) - under),
  difference: (under, over) => under - over,
};

const blend: NodeExecutor = (inputs, context) => {
  const mode = MODES[textIn(inputs, 'blend_mode')] ?? ((_under: number, over: number) => over);
  const factor = numberIn(inputs, 'blend_factor');
  const over = imageIn(inputs, 'image2').frames;
  const frames = imageIn(inputs, 'image1').frames.map((frame, index) => {
    const under = toRgb(frame);
    const top = toRgb(
      scaleLikeComfy(
        over[index % over.length] ?? frame,
        frame.width,
        frame.height,
        'bicubic',
        'center',
      ),
    );
    const blended: Bitmap = {
      ...under,
      data: under.data.map((value, at) => {
        const mixed = mode(value / 255, (top.data[at] ?? 0) / 255);
        return Math.round(Math.min(1, Math.max(0, mixed)) * 255);
      }),
    };
    return mixBitmaps(under, blended, factor);
  });
  return image(digestInputs(context.classType, inputs), frames);
};

const batchImages: NodeExecutor = (inputs, context) => {
  const first = imageIn(inputs, 'image1').frames;
  const size = first[0] ?? createBitmap(1, 1);
  const second = imageIn(inputs, 'image2').frames.map((frame) =>
    scaleLikeComfy(frame, size.width, size.height, 'bilinear', 'center'),
  );
  return image(digestInputs(context.classType, inputs), [...first, ...second]);
};

const composite: NodeExecutor = (inputs, context) => {
  const [x, y] = [numberIn(inputs, 'x'), numberIn(inputs, 'y')];
  const sources = imageIn(inputs, 'source').frames;
  const mask = inputs['mask'];
  const frames = imageIn(inputs, 'destination').frames.map((frame, index) => {
    const under = toRgb(frame);
    const given = toRgb(sources[index % sources.length] ?? frame);
    const source =
      inputs['resize_source'] === true ? scaleBitmap(given, under.width, under.height) : given;
    const cover =
      typeof mask === 'object' && mask.kind === 'mask'
        ? scaledMask(mask, index, source.width, source.height)
        : undefined;
    const data = under.data.slice();
    for (let row = 0; row < source.height; row++) {
      for (let column = 0; column < source.width; column++) {
        const [toX, toY] = [x + column, y + row];
        if (toX < 0 || toY < 0 || toX >= under.width || toY >= under.height) continue;
        const from = (row * source.width + column) * 3;
        const to = (toY * under.width + toX) * 3;
        const share = cover ? (cover[from / 3] ?? 0) / 255 : 1;
        for (let c = 0; c < 3; c++) {
          const below = data[to + c] ?? 0;
          data[to + c] = Math.round(below + ((source.data[from + c] ?? 0) - below) * share);
        }
      }
    }
    return { ...under, data };
  });
  return image(digestInputs(context.classType, inputs), frames);
};

const crop = (frame: Bitmap, inputs: NodeInputs): Bitmap => {
  const x = Math.min(numberIn(inputs, 'x'), frame.width - 1);
  const y = Math.min(numberIn(inputs, 'y'), frame.height - 1);
  const width = Math.min(numberIn(inputs, 'width'), frame.width - x);
  const height = Math.min(numberIn(inputs, 'height'), frame.height - y);
  return cropBitmap(frame, x, y, width, height);
};

const sizeOf: NodeExecutor = (inputs) => {
  const { frames } = imageIn(inputs, 'image');
  return { outputs: [frames[0]?.width ?? 0, frames[0]?.height ?? 0, frames.length] };
};

const repeat: NodeExecutor = (inputs, context) => {
  const { frames } = imageIn(inputs, 'image');
  const times = Array.from({ length: numberIn(inputs, 'amount') }, () => frames).flat();
  return image(digestInputs(context.classType, inputs), times);
};

const fromBatch: NodeExecutor = (inputs, context) => {
  const { frames } = imageIn(inputs, 'image');
  const start = Math.min(frames.length - 1, numberIn(inputs, 'batch_index'));
  const part = frames.slice(start, start + numberIn(inputs, 'length'));
  return image(digestInputs(context.classType, inputs), part);
};

export const IMAGE_NODES: Readonly<Record<string, NodeExecutor>> = {
  EmptyImage: emptyImage,
  ImageScale: perFrame('image', scale),
  ImageScaleBy: perFrame('image', scaleBy),
  ImageScaleToTotalPixels: perFrame('image', scaleToMegapixels),
  ImageUpscaleWithModel: upscaleWithModel,
  ImageInvert: perFrame('image', invert),
  Canny: perFrame('image', canny),
  ImageCrop: perFrame('image', crop),
  ImageBlend: blend,
  ImageBatch: batchImages,
  ImageCompositeMasked: composite,
  ImageFromBatch: fromBatch,
  RepeatImageBatch: repeat,
  GetImageSize: sizeOf,
};
