import { OrchestratorError } from '../errors.ts';

/** What an answer of the API means for a worker: `code` and `detail` of its problem document, where it is one. */
interface Refusal {
  readonly code?: unknown;
  readonly detail?: unknown;
}

const SHOWN = 300;

/**
 * The error for an answer that is no success. Final: `forbidden` and `invalid_request` (they will not get better),
 * `lease_lost` (the workflow claims anew) and `output_invalid` (the file is too large). Everything else is retryable:
 * `storage_full`, `unauthenticated` (somebody changes a key), and `unavailable` for the rest.
 */
export function failureOf(
  what: string,
  origin: string,
  status: number,
  text: string,
): OrchestratorError {
  const { code, detail } = parse(text);
  const said = typeof detail === 'string' ? detail : text.replace(/\s+/g, ' ').trim();
  const message = `The API at ${origin} answered ${status} to ${what}: ${said.slice(0, SHOWN)}`;
  switch (code) {
    case 'lease_lost':
    case 'forbidden':
    case 'invalid_request':
      return new OrchestratorError(code, message);
    case 'payload_too_large':
      return new OrchestratorError('output_invalid', message);
    case 'storage_full':
    case 'unauthenticated':
      return new OrchestratorError(code, message, { retryable: true });
    default:
      return new OrchestratorError(
        'unavailable',
        code === undefined ? `${message}; check that API_URL leads to the API` : message,
        { retryable: true },
      );
  }
}

function parse(text: string): Refusal {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === 'object' && body !== null ? body : {};
  } catch {
    return {};
  }
}
