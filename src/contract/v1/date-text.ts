/** Points in time as clients write them in a query. */
import { z } from '@hono/zod-openapi';

const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
// A `+` that was not escaped in a query string arrives as a space.
const DATE_TIME =
  /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(?:Z|[+ -](\d{2}):(\d{2}))?$/i;

/** ISO 8601 date or date-time; without an offset it is UTC, as the original's server reads it. Undefined for anything else. */
export function parseDateText(text: string): Date | undefined {
  const match = DATE.exec(text) ?? DATE_TIME.exec(text);
  if (!match) return undefined;
  const [year, month, day, hour, minute, second, , offsetHour, offsetMinute] = match
    .slice(1)
    .map((part) => Number(part ?? 0)) as (number | undefined)[];
  const isReal =
    inRange(year, 1, 9999) &&
    inRange(month, 1, 12) &&
    inRange(day, 1, daysIn(year ?? 1, month ?? 1)) &&
    inRange(hour ?? 0, 0, 23) &&
    inRange(minute ?? 0, 0, 59) &&
    inRange(second ?? 0, 0, 59) &&
    inRange(offsetHour ?? 0, 0, 14) &&
    inRange(offsetMinute ?? 0, 0, 59);
  if (!isReal) return undefined;
  const isDateOnly = DATE.test(text);
  const hasZone = /(?:Z|[+ -]\d{2}:\d{2})$/i.test(text) && !isDateOnly;
  const plain = text
    .replace(' ', '+')
    .replace(/(\.\d{3})\d+/, '$1')
    .toUpperCase();
  const date = new Date(isDateOnly ? text : hasZone ? plain : `${plain}Z`);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

const inRange = (value: number | undefined, min: number, max: number): boolean =>
  value !== undefined && value >= min && value <= max;

/** Day 0 of the next month is the last of this one; years below 100 would be read as 19xx. */
function daysIn(year: number, month: number): number {
  const last = new Date(Date.UTC(2000, month, 0));
  last.setUTCFullYear(year, month, 0);
  return last.getUTCDate();
}

/** A point in time of a query string; absent or empty is undefined. */
export const queryDate = (description: string) =>
  z
    .string()
    .optional()
    .transform((text, context) => {
      if (text === undefined || text === '') return undefined;
      const date = parseDateText(text);
      if (date) return date;
      context.addIssue({
        code: 'custom',
        message: 'expected an ISO 8601 date or date-time such as 2030-01-31T12:00:00Z',
      });
      return z.NEVER;
    })
    .openapi({ type: 'string', format: 'date-time', description, example: '2025-09-01T00:00:00Z' });
