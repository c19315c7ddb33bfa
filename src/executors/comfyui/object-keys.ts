import { OrchestratorError } from '../../errors.ts';
import { type Call, type ComfyHttp, unexpectedStatus } from './http.ts';
import { readChunks } from './http-response.ts';
import { asLabel, parseJson } from './json-read.ts';

const BODY_LIMIT = 256 * 1024 * 1024;
const MOST_KEYS = 50_000;
const LONGEST_KEY = 500;

/**
 * Names in a JSON object without what they name, found as the text passes: `GET /object_info` of a server with many
 * extensions is tens of megabytes, of which the names of the nodes are all that is wanted.
 */
export function createKeyScan(): {
  feed(text: string): void;
  /** The names, or undefined when what was read is no whole object or has too many. */
  keys(): readonly string[] | undefined;
} {
  const found: string[] = [];
  let depth = 0;
  let inString = false;
  let isEscaped = false;
  let isKeyNext = false;
  let key: string | undefined;
  let isWhole = false;
  let isWrong = false;

  const endString = (): void => {
    inString = false;
    if (key === undefined) return;
    const name = asLabel(parseJson(`"${key}"`), LONGEST_KEY);
    if (name !== undefined) found.push(name);
    if (found.length > MOST_KEYS) isWrong = true;
    key = undefined;
  };

  const takeOutside = (char: string): void => {
    if (depth === 0) {
      if (char === '{' && !isWhole) {
        depth = 1;
        isKeyNext = true;
      } else if (char.trim() !== '') isWrong = true;
    } else if (char === '"') {
      inString = true;
      if (depth === 1 && isKeyNext) key = '';
    } else if (char === '{' || char === '[') depth += 1;
    else if (char === '}' || char === ']') {
      depth -= 1;
      isWhole = depth === 0;
    } else if (depth === 1 && char === ',') isKeyNext = true;
    else if (depth === 1 && char === ':') isKeyNext = false;
  };

  return {
    feed(text) {
      for (let index = 0; index < text.length && !isWrong; index += 1) {
        const char = text.charAt(index);
        if (!inString) takeOutside(char);
        else if (isEscaped) {
          isEscaped = false;
          if (key !== undefined) key += char;
        } else if (char === '"') endString();
        else {
          isEscaped = char === '\\';
          if (key !== undefined && key.length <= LONGEST_KEY) key += char;
        }
      }
    },
    keys: () => (isWhole && !isWrong ? found : undefined),
  };
}

/** The names in the object that is answered. Throws as `json` does. */
export const readObjectKeys = (http: ComfyHttp, spec: Call): Promise<readonly string[]> =>
  http.call(spec, async (response) => {
    if (!response.ok) throw await unexpectedStatus(http, spec, response);
    const scan = createKeyScan();
    const decoder = new TextDecoder();
    let bytes = 0;
    const isWhole = await readChunks(response, (chunk) => {
      bytes += chunk.length;
      if (bytes <= BODY_LIMIT) scan.feed(decoder.decode(chunk, { stream: true }));
      return bytes <= BODY_LIMIT;
    });
    const keys = isWhole ? scan.keys() : undefined;
    if (keys) return keys;
    throw new OrchestratorError(
      'server_error',
      `ComfyUI ${http.serverId} answered ${spec.method} ${spec.path} with no JSON object of at most ${MOST_KEYS} names; ` +
        `check that ${http.setIn.address} leads to ComfyUI`,
      { retryable: true },
    );
  });
