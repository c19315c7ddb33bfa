import { createBitmap, type Bitmap } from '../picture/bitmap.ts';
import { encodeApng } from '../picture/encode-apng.ts';
import { encodeJpeg } from '../picture/encode-jpeg.ts';
import { encodeMatroska } from '../picture/encode-matroska.ts';
import { encodeMp4 } from '../picture/encode-mp4.ts';
import { encodeAnimatedWebp } from '../picture/encode-webp.ts';
import { scaleBitmap } from '../picture/scale-bitmap.ts';
import { digestInputs } from './model-nodes.ts';
import {
  imageIn,
  numberIn,
  textIn,
  videoIn,
  type NodeContext,
  type NodeExecutor,
  type NodeInputs,
  type NodeResult,
} from './node-context.ts';
import { saveFile } from './save-path.ts';

type Frames = readonly [Bitmap, ...Bitmap[]];

/** All frames in the size of the first. */
const evenFrames = (frames: readonly Bitmap[]): Frames => {
  const [first = createBitmap(1, 1), ...rest] = frames;
  return [first, ...rest.map((frame) => scaleBitmap(frame, first.width, first.height))];
};

/** JPEG pictures of a movie; every picture is a step that may be interrupted. */
const toJpegs = async (frames: Frames, context: NodeContext): Promise<Buffer[]> => {
  const jpegs: Buffer[] = [];
  for (const frame of frames) {
    jpegs.push(encodeJpeg(frame));
    await context.step(jpegs.length, frames.length);
  }
  return jpegs;
};

const saveMovie = async (
  frames: Frames,
  bytes: Uint8Array,
  extension: string,
  inputs: NodeInputs,
  context: NodeContext,
): Promise<NodeResult> => {
  const item = await saveFile({
    numbers: context.savedNumbers,
    root: context.directory('output'),
    prefix: textIn(inputs, 'filename_prefix', 'ComfyUI'),
    width: frames[0].width,
    height: frames[0].height,
    extension,
    bytes,
  });
  return { outputs: [], ui: { images: [{ ...item, type: 'output' }], animated: [true] } };
};

const createVideo: NodeExecutor = (inputs, context) => ({
  outputs: [
    {
      kind: 'video',
      digest: digestInputs(context.classType, inputs),
      frames: imageIn(inputs, 'images').frames,
      fps: numberIn(inputs, 'fps'),
    },
  ],
});

const saveVideo: NodeExecutor = async (inputs, context) => {
  const video = videoIn(inputs, 'video');
  const frames = evenFrames(video.frames);
  const bytes = encodeMp4(await toJpegs(frames, context), frames[0], video.fps);
  return saveMovie(frames, bytes, 'mp4', inputs, context);
};

const saveWebm: NodeExecutor = async (inputs, context) => {
  const frames = evenFrames(imageIn(inputs, 'images').frames);
  const jpegs = await toJpegs(frames, context);
  const bytes = encodeMatroska(jpegs, frames[0], numberIn(inputs, 'fps'));
  return saveMovie(frames, bytes, 'webm', inputs, context);
};

const saveAnimatedWebp: NodeExecutor = (inputs, context) => {
  const frames = evenFrames(imageIn(inputs, 'images').frames);
  const bytes = encodeAnimatedWebp(frames, numberIn(inputs, 'fps'));
  return saveMovie(frames, bytes, 'webp', inputs, context);
};

const saveAnimatedPng: NodeExecutor = async (inputs, context) => {
  const frames = evenFrames(imageIn(inputs, 'images').frames);
  const bytes = await encodeApng(frames, numberIn(inputs, 'fps'), context.pngText());
  return saveMovie(frames, bytes, 'png', inputs, context);
};

export const MOVIE_NODES: Readonly<Record<string, NodeExecutor>> = {
  CreateVideo: createVideo,
  SaveVideo: saveVideo,
  SaveWEBM: saveWebm,
  SaveAnimatedWEBP: saveAnimatedWebp,
  SaveAnimatedPNG: saveAnimatedPng,
};
