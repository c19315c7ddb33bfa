/** A URL may hold a password, also in a variable or field that is no secret otherwise: what stands before an @ is hidden. */
export const withoutCredentials = (text: string): string =>
  text.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, '$1(hidden)@');

const SECRET_FIELDS: ReadonlySet<string> = new Set(['headers', 'credentials']);

/** A copy of a server list that can be quoted: no credentials, no query of a URL, nothing of the fields that hold secrets. */
export function censored(value: unknown, secret = false): unknown {
  if (Array.isArray(value)) return value.map((item) => censored(item, secret));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [
        name,
        censored(item, secret || SECRET_FIELDS.has(name)),
      ]),
    );
  if (secret) return '(hidden)';
  return typeof value === 'string'
    ? withoutCredentials(value).replace(/\?.*$/s, '?(hidden)')
    : value;
}
