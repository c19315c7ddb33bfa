/** The v1 `priority` and the five levels of the queue; docs/ordering.md has the table. */
import { z } from '@hono/zod-openapi';
import { shown } from '../field-errors.ts';

const NAMES: Readonly<Record<string, number>> = { high: 2, normal: 3, low: 4 };
const DEFAULT_PRIORITY = 3;
const FORMS = '{"value": 1}, {"min": 1, "max": 5}, a whole number, or High, Normal, Low';

const level = z.int().min(-2_147_483_648).max(2_147_483_647);
const absent = z.null().optional();

/** `{value}`, `{min, max}`, a number, or High, Normal, Low; lower comes first. */
export const Priority = z
  .union(
    [
      level,
      z.string().max(40),
      z.looseObject({ value: level, min: absent, max: absent }),
      z.looseObject({ min: level, max: level, value: absent }),
    ],
    { error: `expected ${FORMS}` },
  )
  .refine((value) => typeof value !== 'string' || named(value) !== undefined, {
    error: ({ input }) => `expected High, Normal, Low or a whole number, not ${shown(input)}`,
  })
  .refine((value) => typeof value !== 'object' || !isReversed(value), {
    error: ({ input }) => {
      const { min, max } = input as { min: number; max: number };
      return `expected min ≤ max, since lower is earlier; seen min ${min}, max ${max}`;
    },
  })
  .openapi('Priority', {
    description:
      'Lower is earlier. Folded into five levels: 1 (first) to 5; High is 2, Normal 3, Low 4.',
    example: { value: 3 },
  });

const isReversed = ({ min, max }: { min?: unknown; max?: unknown }): boolean =>
  typeof min === 'number' && typeof max === 'number' && min > max;

function named(text: string): number | undefined {
  const name = text.trim().toLowerCase();
  if (Object.hasOwn(NAMES, name)) return NAMES[name];
  return /^-?\d{1,9}$/.test(name) ? Number(name) : undefined;
}

/**
 * Queue level 1 (first) to 5 of a v1 priority. Numbers 1 to 5 are the levels themselves, smaller ones are 1, larger ones
 * 5; a range counts by its `min`, because nothing here raises a priority within a range; absent is Normal (3).
 */
export function priorityLevel(priority: unknown): number {
  if (typeof priority === 'string') return priorityLevel(named(priority));
  if (typeof priority === 'number') return Math.min(5, Math.max(1, Math.trunc(priority)));
  if (typeof priority === 'object' && priority !== null) {
    const { value, min } = priority as { value?: unknown; min?: unknown };
    return priorityLevel(value ?? min);
  }
  return DEFAULT_PRIORITY;
}
