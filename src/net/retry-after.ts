/** What a server asks for with `Retry-After`. */

const SECONDS = /^\d{1,15}$/;
/** The three forms that https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7 has recipients accept, all of them UTC. */
const HTTP_DATES = [
  /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/,
  /^[A-Z][a-z]{5,8}, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/,
  /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/,
] as const;

/**
 * Milliseconds that are asked for, from 0; undefined when the text is neither seconds nor a date. A date is counted from
 * the answer's own `Date`, because the clock of its sender may be off; without one from `now`.
 */
export function retryAfterMs(
  text: string | undefined,
  sentAt: string | undefined,
  now: number,
): number | undefined {
  const asked = text?.trim() ?? '';
  if (SECONDS.test(asked)) return Number(asked) * 1_000;
  const until = httpDate(asked);
  return until === undefined ? undefined : Math.max(0, until - (httpDate(sentAt ?? '') ?? now));
}

function httpDate(text: string): number | undefined {
  if (!HTTP_DATES.some((form) => form.test(text))) return undefined;
  const at = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(at) ? undefined : at;
}
