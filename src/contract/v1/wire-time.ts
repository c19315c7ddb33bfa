/** Times as the v1 API writes them. */

/** ISO 8601 with seven fractional digits, as .NET writes it: `2025-09-06T18:18:42.7880000Z`. */
export const wireDate = (date: Date): string => date.toISOString().replace(/Z$/, '0000Z');

/** A .NET TimeSpan: `[d.]hh:mm:ss.fffffff`. Never negative. */
export function wireDuration(milliseconds: number): string {
  const total = Math.max(0, Math.round(milliseconds));
  const pad = (value: number, digits = 2): string => String(value).padStart(digits, '0');
  const days = Math.floor(total / 86_400_000);
  const clock = [
    pad(Math.floor(total / 3_600_000) % 24),
    pad(Math.floor(total / 60_000) % 60),
    `${pad(Math.floor(total / 1000) % 60)}.${pad(total % 1000, 3)}0000`,
  ].join(':');
  return days > 0 ? `${days}.${clock}` : clock;
}
