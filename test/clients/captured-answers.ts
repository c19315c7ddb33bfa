import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'vitest';
import { REPOSITORY } from '../support/markdown.ts';
import { expectListed } from './deviation-table.ts';
import type { WireAnswers } from './wire-answers.ts';

const HEADING = 'Differences from captured answers';

/** Names, types and formats of an answer; a list by its first entry. */
type Shape = string | readonly Shape[] | { readonly [name: string]: Shape };

const FORMATS: readonly (readonly [string, RegExp])[] = [
  ['uuid', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/],
  ['date with 7 digits', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/],
  ['duration', /^\d\d:\d\d:\d\d(\.\d{7})?$/],
  ['url', /^https?:\/\//],
  ['short AIR', /^@[a-z-]+\/\d+$/],
  ['blob key', /^([0-9A-F]{64}|[0-9A-HJKMNP-TV-Z]{26}\.[a-z0-9]+)$/],
  ['JSON', /^\{/],
];

function shapeOf(value: unknown): Shape {
  if (value === null) return 'null';
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])];
  if (typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, shapeOf(one)]));
  if (typeof value === 'string')
    return FORMATS.find(([, pattern]) => pattern.test(value))?.[0] ?? 'text';
  return typeof value;
}

const kindOf = (shape: Shape): string =>
  typeof shape === 'string' ? shape : Array.isArray(shape) ? 'list' : 'object';

/** Each difference with its place: `job.slots[].destinationUrl: not here`. Free maps are compared where both have a name. */
function differences(captured: Shape, ours: Shape, path = ''): string[] {
  if (Array.isArray(captured) && Array.isArray(ours)) {
    const [one, other] = [captured[0] as Shape | undefined, ours[0] as Shape | undefined];
    return one === undefined || other === undefined ? [] : differences(one, other, `${path}[]`);
  }
  // One output is an object here; what is in it is compared all the same.
  if (path === 'result' && Array.isArray(captured) && kindOf(ours) === 'object')
    return ['result: list there, object here', ...differences(captured, [ours], path)];
  if (kindOf(captured) !== kindOf(ours))
    return [`${path}: ${kindOf(captured)} there, ${kindOf(ours)} here`];
  if (typeof captured === 'string') return [];
  const [there, here] = [captured, ours] as Readonly<Record<string, Shape>>[];
  const names = new Set([...Object.keys(there ?? {}), ...Object.keys(here ?? {})]);
  return [...names].flatMap((name) => {
    const [one, other] = [there?.[name], here?.[name]];
    const at = path === '' ? name : `${path}.${name}`;
    // Properties are the caller's own.
    if (name === 'properties' || name === 'additionalNetworks')
      return kindOf(one ?? {}) === kindOf(other ?? {}) ? [] : [`${at}: of another type`];
    if (one === undefined) return [`${at}: only here`];
    if (other === undefined) return [`${at}: not here`];
    return differences(one, other, at);
  });
}

/** The answers against what the live service was seen to answer. */
export function describeCapturedAnswers(answersOf: () => WireAnswers): void {
  it('answers as the live service was seen to, but for the differences that are listed', async () => {
    const path = join(REPOSITORY, 'test', 'fixtures', 'civitai-v1-captured.json');
    const { answers } = JSON.parse(await readFile(path, 'utf8')) as {
      answers: Record<string, Shape>;
    };
    const { statuses, resource } = answersOf();
    const detailed = statuses['succeeded, detailed'].body as Record<string, unknown>;
    const { job: _job, ...withoutJob } = detailed;
    const pairs: readonly (readonly [string, unknown])[] = [
      ['get-job', statuses.succeeded.body],
      ['get-job-detailed', statuses.claimed.body],
      ['get-job3', detailed],
      // Of a type of job that v1 does not have.
      ['get-job2', withoutJob],
      ['get-resource', resource.body],
    ];
    const found = pairs.flatMap(([name, ours]) => {
      const captured = answers[name];
      if (captured === undefined) throw new Error(`there is no captured ${name}`);
      const { job, ...rest } = captured as Record<string, Shape>;
      const compared = name === 'get-job2' || job === undefined ? rest : { ...rest, job };
      return differences(compared, shapeOf(ours));
    });
    await expectListed(HEADING, found);
  });
}
