/** Durations as clients of .NET services write them. */
import { z } from '@hono/zod-openapi';

const UNITS_MS = {
  days: 86_400_000,
  hours: 3_600_000,
  minutes: 60_000,
  seconds: 1_000,
  milliseconds: 1,
} as const;
const TOTALS_MS = {
  totalDays: UNITS_MS.days,
  totalHours: UNITS_MS.hours,
  totalMinutes: UNITS_MS.minutes,
  totalSeconds: UNITS_MS.seconds,
  totalMilliseconds: UNITS_MS.milliseconds,
} as const;
const TICKS_PER_MS = 10_000;
const LEAST_MS = 1_000;
const MOST_MS = 30 * UNITS_MS.days;

const TEXT = /^(?:(\d{1,3})\.)?(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,7}))?)?$/;

/**
 * Milliseconds of `[d.]hh:mm[:ss[.fffffff]]`, or of an object with `ticks`, one total (`totalSeconds` …) or parts
 * (`minutes`, `seconds` …); undefined for anything else.
 * https://learn.microsoft.com/dotnet/standard/base-types/standard-timespan-format-strings
 */
export function timeSpanMs(value: unknown): number | undefined {
  if (typeof value === 'string') return textMs(value);
  if (typeof value !== 'object' || value === null) return undefined;
  const span = value as Readonly<Record<string, unknown>>;
  // Generated clients send every field, those that they do not know as null.
  const known = Object.entries(span).filter(([, part]) => part !== null && part !== undefined);
  if (known.some(([, part]) => typeof part !== 'number' || !Number.isFinite(part)))
    return undefined;
  const parts = Object.fromEntries(known) as Readonly<Record<string, number>>;
  const { ticks } = parts;
  if (ticks !== undefined) return Math.round(ticks / TICKS_PER_MS);
  for (const [name, unit] of Object.entries(TOTALS_MS)) {
    const total = parts[name];
    if (total !== undefined) return Math.round(total * unit);
  }
  const named = Object.entries(UNITS_MS).filter(([name]) => parts[name] !== undefined);
  if (named.length === 0) return undefined;
  return Math.round(named.reduce((sum, [name, unit]) => sum + (parts[name] ?? 0) * unit, 0));
}

function textMs(text: string): number | undefined {
  const match = TEXT.exec(text.trim());
  if (!match) return undefined;
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = match
    .slice(1, 5)
    .map((part: string | undefined) => Number(part ?? 0));
  if (hours > 23 || minutes > 59 || seconds > 59) return undefined;
  const fraction = Number(`0.${match[5] ?? 0}`);
  return Math.round(
    days * UNITS_MS.days +
      hours * UNITS_MS.hours +
      minutes * UNITS_MS.minutes +
      (seconds + fraction) * UNITS_MS.seconds,
  );
}

const number = z.number().nullish();

/** A duration from one second to 30 days; `timeSpanMs` reads it. */
export const TimeSpan = z
  .union(
    [
      z.string().max(40),
      z.looseObject({
        ...{ ticks: number, days: number, hours: number, minutes: number, seconds: number },
        ...{ milliseconds: number, totalDays: number, totalHours: number, totalMinutes: number },
        ...{ totalSeconds: number, totalMilliseconds: number },
      }),
    ],
    { error: 'expected a duration such as "00:05:00"' },
  )
  .refine((value) => inRange(timeSpanMs(value)), {
    error:
      'expected a duration from one second to 30 days: "hh:mm:ss", "d.hh:mm:ss.fffffff", {"ticks": 3000000000} or {"minutes": 5}',
  })
  .openapi('TimeSpan', { example: '00:05:00' });

const inRange = (ms: number | undefined): boolean =>
  ms !== undefined && ms >= LEAST_MS && ms <= MOST_MS;
