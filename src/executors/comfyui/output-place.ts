import { OrchestratorError } from '../../errors.ts';
import type { OutputFile } from '../../ports.ts';

/** Windows separates folders by backslashes. */
const SEPARATOR = /[\\/]/;
const LONGEST = 1_000;

/**
 * Query of `GET /view` for an output. Throws `output_invalid` for a name that leads out of the server's folder, for no
 * picture is written there.
 */
export function outputQuery({
  nodeId,
  filename,
  subfolder,
  type,
}: OutputFile): Readonly<Record<string, string>> {
  const parts = subfolder.split(SEPARATOR);
  const isAbsolute = subfolder !== '' && (parts[0] === '' || /^[a-z]:/i.test(subfolder));
  const isName = filename !== '' && filename !== '..' && !SEPARATOR.test(filename);
  const isPlain = !/[\p{Cc}\p{Surrogate}]/u.test(filename + subfolder);
  const isShort = filename.length + subfolder.length <= LONGEST;
  if (isName && isPlain && isShort && !isAbsolute && !parts.includes('..'))
    return { filename, subfolder, type };
  const seen = JSON.stringify(`${subfolder.slice(0, 60)}/${filename.slice(0, 60)}`);
  throw new OrchestratorError(
    'output_invalid',
    `Node ${nodeId.slice(0, 50)} names an output that leads out of the server's folder: ${seen}. Nothing is fetched from there.`,
  );
}
