/** The corners of Python that show on ComfyUI's wire: `repr`, `int()`, `float()`, `str()`, `bool()` and their error texts. */

/** Thrown where the Python original raises; `exceptionType` is the class name shown to clients. */
export class PythonError extends Error {
  readonly exceptionType: string;

  constructor(exceptionType: string, message: string) {
    super(message);
    this.name = 'PythonError';
    this.exceptionType = exceptionType;
  }
}

/** Python's name for the type of a JSON value. */
export const pythonTypeName = (value: unknown): string => {
  if (value === null || value === undefined) return 'NoneType';
  if (Array.isArray(value)) return 'list';
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'number':
      return Number.isInteger(value) ? 'int' : 'float';
    case 'bigint':
      return 'int';
    case 'string':
      return 'str';
    default:
      return 'dict';
  }
};

/** Python's `repr` of a JSON value. */
export const pythonRepr = (value: unknown): string => {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (typeof value === 'string') {
    const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
    const body = value
      .replaceAll('\\', '\\\\')
      .replaceAll('\n', '\\n')
      .replaceAll('\r', '\\r')
      .replaceAll('\t', '\\t');
    return `${quote}${quote === "'" ? body.replaceAll("'", "\\'") : body}${quote}`;
  }
  if (Array.isArray(value)) return `[${value.map(pythonRepr).join(', ')}]`;
  const entries = Object.entries(value).map(([key, v]) => `${pythonRepr(key)}: ${pythonRepr(v)}`);
  return `{${entries.join(', ')}}`;
};

/** Python's `str()`. */
export const pythonStr = (value: unknown): string =>
  typeof value === 'string' ? value : pythonRepr(value);

/** Python's truth value. */
export const pythonBool = (value: unknown): boolean => {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
};

/** Python's `int()`; throws `PythonError` with Python's own message. Integers beyond 2^53 come back as bigint. */
export const pythonInt = (value: unknown): number | bigint => {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) {
      throw new PythonError('OverflowError', 'cannot convert float infinity to integer');
    }
    const whole = Math.trunc(value);
    return Number.isSafeInteger(whole) ? whole : BigInt(whole);
  }
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'string') {
    const digits = value.trim();
    if (/^[+-]?\d+(_\d+)*$/.test(digits)) {
      const wide = BigInt(digits.replaceAll('_', '').replace(/^\+/, ''));
      const narrow = Number(wide);
      return Number.isSafeInteger(narrow) ? narrow : wide;
    }
    throw new PythonError(
      'ValueError',
      `invalid literal for int() with base 10: ${pythonRepr(value)}`,
    );
  }
  throw new PythonError(
    'TypeError',
    `int() argument must be a string, a bytes-like object or a real number, not '${pythonTypeName(value)}'`,
  );
};

/** Python's `float()`; throws `PythonError` with Python's own message. */
export const pythonFloat = (value: unknown): number => {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'string') {
    const text = value.trim().replaceAll('_', '');
    if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return Number(text);
    const special = /^([+-]?)(inf|infinity|nan)$/i.exec(text);
    if (special) {
      const size = special[2]?.toLowerCase() === 'nan' ? NaN : Infinity;
      return special[1] === '-' ? -size : size;
    }
    throw new PythonError('ValueError', `could not convert string to float: ${pythonRepr(value)}`);
  }
  throw new PythonError(
    'TypeError',
    `float() argument must be a string or a real number, not '${pythonTypeName(value)}'`,
  );
};

/** Python's `str()` of a float: whole numbers keep their `.0`. */
export const pythonFloatStr = (value: unknown): string =>
  typeof value === 'number' && Number.isInteger(value) ? `${value}.0` : pythonStr(value);
