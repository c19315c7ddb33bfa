/** zod's issues in words: every wrong field with its path as the client wrote it, the seen value and what is expected. */
import type { z } from 'zod';
import type { FieldError } from '../errors.ts';

const SHOWN_LENGTH = 80;

/** `jobs[0].params.steps`; a key that is no plain name is quoted: `additionalNetworks["urn:air:…"].strength`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => {
      if (typeof part === 'number') return `[${part}]`;
      const name = String(part);
      if (/^[A-Za-z_$][A-Za-z0-9_$-]*$/.test(name)) return index === 0 ? name : `.${name}`;
      return `[${shown(name)}]`;
    })
    .join('');
}

/** A value as JSON, cut to 80 characters, safe to print. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'number') return String(value);
  // Cut before serialising: a value may be megabytes long.
  const text =
    typeof value === 'string'
      ? JSON.stringify(value.slice(0, SHOWN_LENGTH + 1).replace(/\p{Surrogate}/gu, '\uFFFD'))
      : Array.isArray(value)
        ? `a list of ${value.length}`
        : typeof value === 'object' && value !== null
          ? 'an object'
          : JSON.stringify(value);
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Object.hasOwn(value, part) ? (value as Record<PropertyKey, unknown>)[part] : undefined;
  }
  return value;
}

/** Translates issues of `input`, which stands at `prefix` in the request. */
export function fieldErrors(
  issues: readonly z.core.$ZodIssue[],
  input: unknown,
  prefix: readonly PropertyKey[] = [],
): FieldError[] {
  return issues.flatMap((issue) => {
    const path = [...prefix, ...issue.path];
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({
        path: formatPath([...path, key]),
        message: 'is not a known field; remove it or check its spelling',
      }));
    // A record's key that its schema refuses: the inner issues say why.
    if (issue.code === 'invalid_key')
      return issue.issues.map((inner) => ({
        path: formatPath(path),
        message: 'message' in inner ? inner.message : issue.message,
      }));
    const seen = valueAt(input, issue.path);
    return [
      { path: formatPath(path), message: `${expectation(issue, seen)}; seen ${shown(seen)}` },
    ];
  });
}

function expectation(issue: z.core.$ZodIssue, seen: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      if (seen === undefined) return `is required: expected ${article(issue.expected)}`;
      return `expected ${article(issue.expected)}`;
    case 'too_small':
      return `expected ${unit(issue.origin, issue.minimum, 'at least')}`;
    case 'too_big':
      return `expected ${unit(issue.origin, issue.maximum, 'at most')}`;
    case 'invalid_value':
      return `expected ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map(String).join(', ')}`;
    case 'not_multiple_of':
      return `expected a multiple of ${String(issue.divisor)}`;
    default:
      return issue.message;
  }
}

function unit(origin: string, limit: number | bigint, bound: string): string {
  const suffix = origin === 'string' ? ' characters' : origin === 'array' ? ' entries' : '';
  return `${bound} ${limit}${suffix}`;
}

function article(type: string): string {
  const names: Record<string, string> = {
    int: 'a whole number',
    number: 'a number',
    string: 'a text',
    boolean: 'true or false',
    array: 'a list',
    object: 'an object',
    record: 'an object',
  };
  return names[type] ?? type;
}
