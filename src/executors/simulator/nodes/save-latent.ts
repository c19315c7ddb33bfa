import { createRandom } from '../picture/random.ts';
import { latentIn, textIn, type NodeExecutor } from './node-context.ts';
import { safetensorsFile } from './safetensors-file.ts';
import { saveFile } from './save-path.ts';
import type { LatentValue } from './values.ts';

/** The safetensors file of a latent: numbers made from its digest. */
const latentFile = (latent: LatentValue, metadata: Record<string, string>): Buffer => {
  const { width, height, batch, pixelSpace } = latent;
  const [channels, scale] = pixelSpace ? [3, 1] : [4, 8];
  const shape = [batch, channels, Math.floor(height / scale), Math.floor(width / scale)];
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
  const random = createRandom(latent.digest);
  for (let i = 0; i < values.length; i++) values[i] = random() * 2 - 1;
  return safetensorsFile(
    {
      latent_tensor: { shape, values },
      latent_format_version_0: { shape: [0], values: new Float32Array() },
    },
    metadata,
  );
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
