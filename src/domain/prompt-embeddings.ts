/**
 * Embeddings that ComfyUI reads in a prompt, to refuse names that it fails on or that leave its embeddings folder. Pure.
 *
 * ComfyUI cuts a prompt at parentheses (a backslash escapes one, `:1.2` before a closing one is a weight), cuts each piece
 * before every ` embedding:`, and takes the first word behind the colon as the name. Without any word the node fails.
 * https://github.com/comfyanonymous/ComfyUI/blob/master/comfy/sd1_clip.py (tokenize_with_weights, load_embed)
 */

const MARK = 'embedding:';

const pieces = (text: string): readonly string[] =>
  text
    .split(/(?<!\\)[()]/)
    .flatMap((piece) => [piece.replace(/:\s*[+-]?[\d.]+\s*$/, ''), piece])
    .flatMap((piece) => piece.split(/[ \n](?=embedding:)/));

const leavesFolder = (name: string): boolean =>
  /^(?:[/\\]|[A-Za-z]:)/.test(name) || name.split(/[/\\]/).includes('..');

/** Why a prompt cannot be sent to a server, or undefined. */
export const embeddingProblem = (text: string): string | undefined => {
  if (!text.includes(MARK)) return undefined;
  for (const piece of pieces(text)) {
    if (!piece.startsWith(MARK)) continue;
    const [name = ''] = piece.slice(MARK.length).trim().split(/\s+/);
    if (name === '')
      return 'has "embedding:" without a name, on which ComfyUI fails; write embedding:name or leave it out';
    if (leavesFolder(name))
      return `names the embedding ${JSON.stringify(name.slice(0, 80))}, which is outside of the server's embeddings folder; write embedding:name`;
  }
  return undefined;
};

/** Up to the weight behind it (`:1.2`); a colon inside of a version is not read here. */
const EMBEDDING_AIR =
  /embedding:((?:urn:)?air:[^\s,():@]+(?::[^\s,():@]+)*@[^\s,():]+|@[A-Za-z0-9_-]+\/[^\s,():]+)/gi;

/** AIRs of embeddings that a text calls as `embedding:<AIR>`. */
export const embeddingAirsIn = (text: string): readonly string[] =>
  [...text.matchAll(EMBEDDING_AIR)].map(([, air = '']) => air);

/** The text with each `embedding:<AIR>` replaced by what `change` gives for the AIR. */
export const replaceEmbeddingAirs = (text: string, change: (air: string) => string): string =>
  text.replace(EMBEDDING_AIR, (_whole, air: string) => change(air));
