/** JSON whose integers may exceed 2^53, as seeds do (up to 2^64 - 1): those are bigints on this side. */

const MARK = '\u0000wide:';
const LONG_DIGITS = /\d{16}/;
const STRING_OR_LONG = /"(?:[^"\\]|\\.)*"|(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g;

/** Parses JSON; integers that a number cannot hold become bigints. Throws `SyntaxError` like `JSON.parse`. */
export const parseWide = (text: string): unknown => {
  if (!LONG_DIGITS.test(text)) return JSON.parse(text) as unknown;
  const marked = text.replace(STRING_OR_LONG, (token) =>
    token.startsWith('"') || Number.isSafeInteger(Number(token))
      ? token
      : JSON.stringify(`${MARK}${token}`),
  );
  return JSON.parse(marked, (_key, value: unknown) =>
    typeof value === 'string' && value.startsWith(MARK) ? BigInt(value.slice(MARK.length)) : value,
  ) as unknown;
};

/** Writes bigints as plain JSON integers. */
export const stringifyWide = (value: unknown): string => {
  let wide = false;
  const text = JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== 'bigint') return inner;
    wide = true;
    return `${MARK}${inner}`;
  });
  return wide ? text.replace(/"\\u0000wide:(-?\d+)"/g, '$1') : text;
};
