import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** First executable file of this name in a PATH value, or undefined. */
export const findOnPath = async (name: string, pathEnv: string): Promise<string | undefined> => {
  for (const folder of pathEnv.split(delimiter)) {
    if (folder === '') continue;
    const candidate = join(folder, name);
    try {
      await access(candidate, constants.X_OK);
      if ((await stat(candidate)).isFile()) return candidate;
    } catch {
      continue;
    }
  }
  return undefined;
};
