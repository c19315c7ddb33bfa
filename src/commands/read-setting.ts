import { OrchestratorError } from '../errors.ts';

const FORMS = { whole: /^\d{1,16}$/, decimal: /^\d{1,5}(\.\d{1,6})?$/ } as const;

/** The number that an option of the CLI names. Throws `invalid_request`. */
export function readSetting(
  name: string,
  text: string,
  form: keyof typeof FORMS,
  min: number,
  max: number,
): number {
  const value = Number(text);
  if (FORMS[form].test(text) && value >= min && value <= max) return value;
  throw new OrchestratorError(
    'invalid_request',
    `${name}: expected a ${form === 'whole' ? 'whole ' : ''}number from ${min} to ${max}; seen '${text}'.`,
  );
}
