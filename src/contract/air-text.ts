import { z } from '@hono/zod-openapi';
import { isCompressed, MAX_AIR_LENGTH, parseAir } from '../domain/air.ts';
import { messageOf } from '../errors.ts';

/** Marks an issue so that a request whose only faults are AIRs answers `invalid_air`. */
export const INVALID_AIR = { code: 'invalid_air' } as const;

/** True for an issue that is about nothing but AIRs. */
export const isAirIssue = (issue: object): boolean =>
  ('params' in issue &&
    (issue.params as { code?: unknown } | undefined)?.code === INVALID_AIR.code) ||
  ('issues' in issue && Array.isArray(issue.issues) && issue.issues.every(isAirIssue));

/** What is wrong with an AIR that has to name one file, or undefined. */
export function airProblem(text: string): string | undefined {
  try {
    const air = parseAir(text);
    return air.version === undefined
      ? `AIR names no version; write it like urn:air:sdxl:checkpoint:civitai:101055@128078`
      : undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** An AIR in any accepted spelling that names a version: full, partial (`civitai:4384@128713`) or `@civitai/128713`. */
export const AirText = z.string().superRefine((text, context) => {
  const message = airProblem(text);
  if (message !== undefined) context.addIssue({ code: 'custom', message, params: INVALID_AIR });
});

/** A full AIR, as the catalogue keeps it. */
export const FullAirText = z
  .string()
  .superRefine((text, context) => {
    const message =
      airProblem(text) ??
      (isCompressed(text) || !hasAllParts(text)
        ? 'expected a full AIR with ecosystem, type, source, id and version, like urn:air:sdxl:checkpoint:civitai:101055@128078'
        : undefined);
    if (message !== undefined) context.addIssue({ code: 'custom', message, params: INVALID_AIR });
  })
  .openapi({
    description: `AIR of the resource, at most ${MAX_AIR_LENGTH} characters`,
    example: 'urn:air:sdxl:checkpoint:civitai:101055@128078',
  });

function hasAllParts(text: string): boolean {
  const { ecosystem, type, id, version } = parseAir(text);
  return [ecosystem, type, id, version].every((part) => part !== undefined);
}
