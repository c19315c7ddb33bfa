/** What the text of a JSON body may hold, whatever its schema: PostgreSQL's jsonb and the pipeline rely on it. */
import type { FieldError } from '../errors.ts';
import { formatPath, shown } from './field-errors.ts';

const MAX_DEPTH = 64;
const MAX_PROBLEMS = 50;

// Tab, line feed and carriage return are the control characters that prompts really contain.

const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

/** Why a text cannot be accepted, or undefined. */
export function textProblem(text: string): string | undefined {
  const control = CONTROL.exec(text)?.[0];
  if (control !== undefined) {
    const code = control.charCodeAt(0).toString(16).padStart(4, '0').toUpperCase();
    return `contains the control character U+${code}; only tab, line feed and carriage return are allowed`;
  }
  return /\p{Surrogate}/u.test(text)
    ? 'contains a lone surrogate, which is no character; send well-formed Unicode'
    : undefined;
}

/** Every text and key of a parsed body that cannot be accepted, and nesting beyond 64 levels. Never recurses. */
export function bodyTextProblems(body: unknown): FieldError[] {
  const problems: FieldError[] = [];
  const open: { value: unknown; path: readonly (string | number)[] }[] = [
    { value: body, path: [] },
  ];
  for (let next = open.pop(); next && problems.length < MAX_PROBLEMS; next = open.pop()) {
    const { value, path } = next;
    if (typeof value === 'string') {
      const problem = textProblem(value);
      if (problem !== undefined) problems.push({ path: formatPath(path), message: problem });
    } else if (typeof value === 'object' && value !== null) {
      if (path.length >= MAX_DEPTH) {
        problems.push({
          path: formatPath(path.slice(0, 8)),
          message: `is nested deeper than ${MAX_DEPTH} levels`,
        });
        continue;
      }
      const entries: [string | number, unknown][] = Array.isArray(value)
        ? value.map((item, index) => [index, item])
        : Object.entries(value);
      for (const [key, item] of entries) {
        const problem = typeof key === 'string' ? textProblem(key) : undefined;
        if (problem === undefined) open.push({ value: item, path: [...path, key] });
        else
          problems.push({
            path: formatPath(path),
            message: `has the field name ${shown(key)}, which ${problem}`,
          });
      }
    }
  }
  return problems;
}
