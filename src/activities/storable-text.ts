/**
 * The first `limit` characters as PostgreSQL's jsonb and Temporal take them: neither takes half a surrogate pair, and
 * PostgreSQL takes no NUL. What a server says may hold both.
 */
export const storableText = (text: string, limit: number): string =>
  Buffer.from(text.slice(0, limit).replaceAll('\0', '\ufffd'), 'utf8').toString('utf8');
