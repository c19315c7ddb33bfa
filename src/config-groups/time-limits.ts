import { z } from 'zod';
import {
  LIMITED,
  TIME_LIMITS_MS,
  type Limited,
  type TimeLimit,
  type TimeLimits,
} from '../domain/time-limits.ts';

const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000 } as const;
/** Temporal's timers of a longer time are of no use to anybody. */
const LONGEST_MS = 30 * 24 * UNIT_MS.h;
const ENTRY = /^(\w+)=(\d{1,9}[smh])(?:\/(\d{1,9}[smh]))?$/;

const msOf = (text: string): number =>
  Number(text.slice(0, -1)) * UNIT_MS[text.slice(-1) as keyof typeof UNIT_MS];

const isLimited = (name: string): name is Limited => (LIMITED as readonly string[]).includes(name);

/** Why this entry is none, or what it says; of a task only the tries have a limit. */
function readEntry(entry: string): string | readonly [Limited, TimeLimit] {
  const [, name = '', one = '', all] = ENTRY.exec(entry) ?? [];
  if (!isLimited(name) || (all === undefined) !== (name === 'task'))
    return `'${entry}' is not name=try/all with ${LIMITED.slice(0, -1).join(', ')} as name, or task=try, and times such as 90s, 30m or 2h`;
  const limit = { one: msOf(one), all: all === undefined ? TIME_LIMITS_MS.task.all : msOf(all) };
  const longest = Math.max(limit.one, all === undefined ? 0 : limit.all);
  if (limit.one === 0 || longest > LONGEST_MS) return `'${entry}' is not between 1s and 720h`;
  if (all !== undefined && limit.all < limit.one)
    return `'${entry}' gives all tries less time than one`;
  return [name, limit];
}

/** `name=try/all,name=try/all`, such as `image=30m/2h,task=1h`. */
export const timeLimits = z.string().transform((value, context) => {
  const read = value.split(',').map((entry) => readEntry(entry.trim()));
  const faults = read.filter((entry) => typeof entry === 'string');
  const entries = read.filter((entry) => typeof entry !== 'string');
  if (new Set(entries.map(([name]) => name)).size < entries.length)
    faults.push('a name is there twice');
  for (const message of faults) context.addIssue({ code: 'custom', message });
  const limits: TimeLimits = Object.fromEntries(entries);
  return limits;
});
