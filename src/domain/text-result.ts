/** What a server says of a picture in words or numbers. Pure; imported by workflows. */

/** How the text of a node is to be read. */
export type TextForm =
  | {
      /** `long_hair, smile`: names whose confidence is above the threshold, 0..1. */
      readonly kind: 'tags';
      readonly threshold: number;
    }
  | { readonly kind: 'caption' }
  | {
      /** A JSON object with one list of numbers, under the name of the model. */
      readonly kind: 'embedding';
    };

/** Where the result of a graph that saves no file stands in the server's books. */
export interface TextOutput {
  readonly nodeId: string;
  readonly form: TextForm;
}

/** As clients see it. */
export interface TextResult {
  /** Names, each with the least confidence that it has. */
  readonly tags?: Readonly<Record<string, number>>;
  readonly caption?: string;
  readonly embedding?: readonly number[];
  /** File of the model that made the embedding, as its server lists it. */
  readonly embeddingModel?: string;
}

/** Encoders give some hundred to some thousand numbers. */
const MOST_NUMBERS = 16_384;

/** What the text says, or undefined when it is not of that form. */
export function readTextResult(form: TextForm, text: string): TextResult | undefined {
  switch (form.kind) {
    case 'tags':
      return { tags: tagsOf(text, form.threshold) };
    case 'caption':
      // Florence-2 leaves the marks of its padding in the text.
      return { caption: text.replaceAll('<pad>', '').trim() };
    case 'embedding':
      return embeddingOf(text);
  }
}

/** The tagger writes brackets as a prompt needs them: `fate_\(series\)`. */
const tagsOf = (text: string, threshold: number): Record<string, number> =>
  Object.fromEntries(
    text
      .split(',')
      .map((tag) => tag.trim().replace(/\\([()])/g, '$1'))
      .filter((tag) => tag !== '')
      .map((tag) => [tag, threshold]),
  );

function embeddingOf(text: string): TextResult | undefined {
  const [only, ...others] = Object.entries(parsed(text) ?? {});
  if (only === undefined || others.length > 0) return undefined;
  const [embeddingModel, numbers] = only as [string, unknown];
  const isVector =
    Array.isArray(numbers) &&
    numbers.length > 0 &&
    numbers.length <= MOST_NUMBERS &&
    numbers.every((one) => typeof one === 'number' && Number.isFinite(one));
  return isVector ? { embedding: numbers as number[], embeddingModel } : undefined;
}

function parsed(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
