import type { z } from 'zod';
import { API_VARIABLES } from './config-groups/api.ts';
import { ENGINES_VARIABLES } from './config-groups/engines.ts';
import { COMFY_VARIABLES } from './config-groups/comfy.ts';
import { JOBS_VARIABLES } from './config-groups/jobs.ts';
import { OUTGOING_VARIABLES } from './config-groups/outgoing.ts';
import { SEEING_VARIABLES } from './config-groups/seeing.ts';
import { TENANT_VARIABLES } from './config-groups/tenants.ts';

export { GROUPS } from './config-groups/variable.ts';

/** Every variable there is. README's table and `.env.example` are written from this object; a test compares them. */
export const VARIABLES = {
  ...API_VARIABLES,
  ...OUTGOING_VARIABLES,
  ...ENGINES_VARIABLES,
  ...COMFY_VARIABLES,
  ...JOBS_VARIABLES,
  ...TENANT_VARIABLES,
  ...SEEING_VARIABLES,
} as const;

export type VariableName = keyof typeof VARIABLES;
export type Values = {
  readonly [Name in VariableName]: z.output<(typeof VARIABLES)[Name]['schema']>;
};

/** What a variable is when it is not set, as text for tables; undefined when nothing. */
export function defaultOf(name: VariableName): string | undefined {
  const value: unknown = (VARIABLES[name].schema as z.ZodType).safeParse(undefined).data;
  return value === undefined ? undefined : JSON.stringify(value).replaceAll('"', '');
}
