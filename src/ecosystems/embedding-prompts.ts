/**
 * Embeddings are named in the prompt text: `embedding:name`. ComfyUI sees that only at the start of the text, after a
 * space or a newline, and reads the name up to the next blank; an unknown name is ignored without an error.
 * https://github.com/comfyanonymous/ComfyUI/blob/master/comfy/sd1_clip.py (tokenize_with_weights)
 */
import { basenameOf, stemOf } from '../domain/file-index.ts';
import { OrchestratorError } from '../errors.ts';
import type { ResolvedNetwork } from './resolved-files.ts';

export interface Prompts {
  readonly prompt: string;
  readonly negativePrompt: string;
}

// `(embedding:123)` would be read as the word "embedding" with weight 123: what Python's float() takes gets a path.
const LOOKS_LIKE_A_WEIGHT =
  /^[+-]?(?:(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:e[+-]?\d+)?|nan|inf|infinity)$/i;

/** Why a prompt cannot name this embedding, or undefined. */
export const embeddingNameProblem = (listed: string): string | undefined =>
  /\s/.test(listed)
    ? `Embedding ${JSON.stringify(listed)} has a blank in its name, and ComfyUI cannot be told such a name. Rename the file on the server.`
    : undefined;

const nameInText = (listed: string): string => {
  const problem = embeddingNameProblem(listed);
  if (problem !== undefined) throw new OrchestratorError('model_missing', problem);
  const name = listed.replaceAll('\\', '/').replace(/[()]/g, '\\$&');
  return LOOKS_LIKE_A_WEIGHT.test(name) ? `./${name}` : name;
};

const tokenOf = ({ name, strength }: ResolvedNetwork): string =>
  strength === 1 ? `embedding:${nameInText(name)}` : `(embedding:${nameInText(name)}:${strength})`;

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

const keyOf = (word: string): string => word.toLowerCase();

const ownName = (network: ResolvedNetwork): string =>
  stemOf(basenameOf(network.name.replaceAll('\\', '/')));

/** The words an embedding is called by: the client's trigger word, else its file name as A1111 does. */
const triggerOf = (network: ResolvedNetwork): string => {
  const word = network.triggerWord?.trim() ?? '';
  return word === '' ? ownName(network) : word;
};

const endsName = (rest: string): boolean =>
  // A weight of the surrounding parentheses may follow: `(trigger:1.2)`.
  /^(?:$|[\s,)]|:[+-]?[\d.]+\s*\))/.test(rest);

/**
 * Rewrites the trigger words of embeddings, in both prompts and in any casing, to `embedding:name` with its strength.
 * An embedding that neither prompt calls is appended to the positive prompt. Throws `model_missing` for a name with blanks.
 */
export const placeEmbeddings = (
  { prompt, negativePrompt }: Prompts,
  networks: readonly ResolvedNetwork[],
): Prompts => {
  const embeddings = networks.filter((network) => network.kind === 'embedding');
  if (embeddings.length === 0) return { prompt, negativePrompt };
  const byTrigger = new Map(embeddings.map((network) => [keyOf(triggerOf(network)), network]));
  const byName = new Map(embeddings.map((network) => [keyOf(ownName(network)), network]));
  const called = new Set<ResolvedNetwork>();
  // Longest first, in one pass: a trigger inside another one, or inside what was written, is not found again.
  const triggers = [...byTrigger.keys()].sort((a, b) => b.length - a.length).map(escaped);
  const finder = new RegExp(
    `embedding:([^\\s,():]+)|(?<![\\p{L}\\p{N}_-])(?:${triggers.join('|')})(?![\\p{L}\\p{N}_-])`,
    'giu',
  );
  const rewrite = (text: string): string =>
    text.replace(finder, (found: string, written: string | undefined, at: number) => {
      if (written !== undefined) {
        const own = byName.get(keyOf(stemOf(basenameOf(written))));
        if (own !== undefined) called.add(own);
        return found;
      }
      const network = byTrigger.get(keyOf(found));
      if (network === undefined) return found;
      called.add(network);
      const before = at === 0 || [' ', '\n'].includes(text.charAt(at - 1)) ? '' : ' ';
      const after = endsName(text.slice(at + found.length)) ? '' : ' ';
      return `${before}${tokenOf(network)}${after}`;
    });
  const negative = rewrite(negativePrompt);
  const positive = rewrite(prompt);
  const appended = embeddings.filter((network) => !called.has(network)).map(tokenOf);
  if (appended.length === 0) return { prompt: positive, negativePrompt: negative };
  const parts = positive.trim() === '' ? appended : [positive, ...appended];
  return { prompt: parts.join(', '), negativePrompt: negative };
};
