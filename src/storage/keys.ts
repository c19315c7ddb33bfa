/** Names of stored outputs. Derived, not drawn: a repeated store replaces its own file and nothing else. */
import { createHash } from 'node:crypto';
import { OrchestratorError } from '../errors.ts';

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const ID_LENGTH = 26;

/** 26 characters of 5 bits: 130 bits of SHA-256, as long as the original service's blob ids. */
export const derivedId = (...parts: readonly (string | number)[]): string => {
  const digest = createHash('sha256').update(parts.join('\n')).digest();
  let id = '';
  let bits = 0;
  let held = 0;
  for (const byte of digest) {
    bits = (bits << 8) | byte;
    held += 8;
    while (held >= 5 && id.length < ID_LENGTH) {
      held -= 5;
      id += CROCKFORD.charAt((bits >> held) & 31);
    }
    bits &= (1 << held) - 1;
  }
  return id;
};

const checkedExtension = (extension: string): string => {
  if (/^[a-z0-9]{1,8}$/.test(extension)) return extension;
  throw new OrchestratorError(
    'invalid_request',
    `File extension ${JSON.stringify(extension.slice(0, 40))} is not usable. Give 1 to 8 of a-z and 0-9 without a dot, such as png.`,
  );
};

/** Of the file of a job whose result is text. */
export const TEXT_EXTENSION = 'json';

/** Where the graph of one attempt lies when it is too large for a history. */
export const graphKeyFor = (promptId: string): string => `graphs/${promptId}.json`;

const inputFolder = (jobId: string): string => `inputs/${derivedId('inputs', jobId.toLowerCase())}`;

/** Where a job's input file of that role lies: one file for all its attempts. */
export const inputKeyFor = (jobId: string, role: string): string =>
  `${inputFolder(jobId)}/${derivedId('input', role)}`;

/** True for the place of any input file of this job. */
export const isInputKeyOf = (jobId: string, key: string): boolean =>
  key.startsWith(`${inputFolder(jobId)}/`) && /^[0-9A-Z]{26}$/.test(key.split('/').at(-1) ?? '');

/** Id of the record of such a file; it has no extension, so it is the id of no output. */
export const inputIdFor = (jobId: string, role: string): string =>
  derivedId('input', jobId.toLowerCase(), role);

/** Public blob id of a job's output slot, the same for every attempt. Throws `invalid_request` for an odd extension. */
export const blobKeyFor = (jobId: string, slot: number, extension: string): string =>
  `${derivedId('blob', jobId.toLowerCase(), slot)}.${checkedExtension(extension)}`;

/**
 * Where the bytes of one attempt's output lie in the blob store; two attempts never write the same key.
 * Throws `invalid_request` for an odd extension.
 */
export const storageKeyFor = (
  jobId: string,
  runIndex: number,
  attempt: number,
  slot: number,
  extension: string,
): string => {
  const id = derivedId('output', jobId.toLowerCase(), runIndex, attempt, slot);
  return `outputs/${id.slice(0, 2)}/${id}.${checkedExtension(extension)}`;
};
