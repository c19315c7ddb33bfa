/** Reading JSON that somebody else wrote: every accessor gives undefined where the shape differs. */
export type JsonObject = Readonly<Record<string, unknown>>;

export const asObject = (value: unknown): JsonObject | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : undefined;

export const asArray = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? (value as unknown[]) : [];

export const asString = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined;

/** The text if it is short and printable, as names and versions are. */
export const asLabel = (value: unknown, limit = 200): string | undefined =>
  typeof value === 'string' && value.length <= limit && !/[\p{Cc}\p{Surrogate}]/u.test(value)
    ? value
    : undefined;

export const asNumber = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined;

/** The parsed value, or undefined when the text is no JSON. */
export const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};
