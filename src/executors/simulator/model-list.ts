import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { z } from 'zod';
import { OrchestratorError, messageOf } from '../../errors.ts';
import type { ModelFiles } from './models.ts';

/** Old names of folders, which ComfyUI still reads in its own settings. */
const FORMER_NAMES: Readonly<Record<string, string>> = {
  unet: 'diffusion_models',
  clip: 'text_encoders',
};

/** Model folder → file names as a listing shows them: any characters, `/` or `\` between sub-folders. */
export const ModelList = z
  .record(z.string().min(1), z.array(z.string().min(1)))
  .transform((given) => {
    const folders: Record<string, string[]> = {};
    for (const [folder, names] of Object.entries(given)) {
      const known = FORMER_NAMES[folder] ?? folder;
      folders[known] = [...new Set([...(folders[known] ?? []), ...names])];
    }
    return folders;
  });

const EXTENSIONS = /\.(safetensors|sft|ckpt|pt|pt2|pth|bin|gguf|yaml)$/i;

/** Names of the model files below a folder laid out like ComfyUI's `models`. */
const listFolder = async (root: string): Promise<Record<string, string[]>> => {
  const folders: Record<string, string[]> = {};
  for (const folder of await readdir(root, { withFileTypes: true })) {
    if (!folder.isDirectory()) continue;
    const top = join(root, folder.name);
    const files = await readdir(top, { withFileTypes: true, recursive: true });
    folders[folder.name] = files
      .filter((file) => !file.isDirectory() && EXTENSIONS.test(file.name))
      .map((file) => relative(top, join(file.parentPath, file.name)).split(sep).join('/'))
      .sort();
  }
  return folders;
};

/** Reads a JSON file or a `models` folder. Throws `configuration` naming the path and what is wrong. */
export const readModelList = async (path: string): Promise<ModelFiles> => {
  try {
    const given = (await stat(path)).isDirectory()
      ? await listFolder(path)
      : (JSON.parse(await readFile(path, 'utf8')) as unknown);
    return ModelList.parse(given);
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error);
    throw new OrchestratorError(
      'configuration',
      `Model list ${path}: ${reason}. Give a JSON file such as {"checkpoints": ["a.safetensors"]}, or a folder like ComfyUI's models.`,
      { cause: error },
    );
  }
};
