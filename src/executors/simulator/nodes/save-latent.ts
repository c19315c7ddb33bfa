import { createRandom } from '../picture/random.ts';
import { latentIn, textIn, type NodeExecutor } from './node-context.ts';
import { saveFile } from './save-path.ts';
import type { LatentValue } from './values.ts';

/** The safetensors file of a latent (https://github.com/huggingface/safetensors#format): numbers made from its digest. */
const latentFile = (latent: LatentValue, metadata: Record<string, string>): Buffer => {
  const { width, height, batch, pixelSpace } = latent;
  const [channels, scale] = pixelSpace ? [3, 1] : [4, 8];
  const shape = [batch, channels, Math.floor(height / scale), Math.floor(width / scale)];
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
  const random = createRandom(latent.digest);
  for (let i = 0; i < values.length; i++) values[i] = random() * 2 - 1;
  const bytes = Buffer.from(values.buffer);
  const end = bytes.length;
  const header = JSON.stringify({
    __metadata__: metadata,
    latent_tensor: { dtype: 'F32', shape, data_offsets: [0, end] },
    latent_format_version_0: { dtype: 'F32', shape: [0], data_offsets: [end, end] },
  });
  const padded = header.padEnd(Math.ceil(Buffer.byteLength(header) / 8) * 8);
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(Buffer.byteLength(padded)));
  return Buffer.concat([size, Buffer.from(padded), bytes]);
};

/** Saves a latent as a file of the right shape. */
export const saveLatent: NodeExecutor = async (inputs, context) => {
  const latent = latentIn(inputs, 'samples');
  const item = await saveFile({
    numbers: context.savedNumbers,
    root: context.directory('output'),
    prefix: textIn(inputs, 'filename_prefix', 'ComfyUI'),
    width: 0,
    height: 0,
    extension: 'latent',
    bytes: latentFile(latent, context.pngText()),
  });
  return { outputs: [], ui: { latents: [{ ...item, type: 'output' }] } };
};
