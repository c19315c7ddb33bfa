import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isOrchestratorError } from '../errors.ts';
import { MAX_AIR_LENGTH, parseAir, type Air } from './air.ts';

// The pattern of `air` in Civitai's v2 OpenAPI document, whose parts are greedy from left to right.
const SERVER =
  /^(?:urn:)?(?:air:)?(?:(?<ecosystem>[a-zA-Z0-9_\-/]+):)?(?:(?<type>[a-zA-Z0-9_\-/]+):)?(?<source>[a-zA-Z0-9_\-/]+):(?<id>[a-zA-Z0-9_\-/.]+)(?:@(?<version>[a-zA-Z0-9_\-/.=,%+:]+))?(?:\.(?<format>[a-zA-Z0-9_-]+))?$/i;

const accepted = (text: string): Air | string => {
  try {
    return parseAir(text);
  } catch (error) {
    if (isOrchestratorError(error) && error.code === 'invalid_air') return error.message;
    throw error;
  }
};

const lower = (text: string | undefined): string | undefined => text?.toLowerCase();

/** The version as the server's pattern sees it, with what we split off. */
const wholeVersion = ({ version, fileId, format }: Air): string | undefined =>
  fileId === undefined
    ? version
    : `${version ?? ''}+${fileId}${format === undefined ? '' : `.${format}`}`;

const name = fc.stringMatching(/^[a-zA-Z0-9_-]{1,8}(\/[a-z0-9]{1,4})?$/);
const id = fc.stringMatching(/^[a-zA-Z0-9_-]{1,8}(\/[a-zA-Z0-9_-]{1,8}){0,2}(\.[a-z]{1,5})?$/);
const version = fc.oneof(
  fc.stringMatching(/^[0-9]{1,7}(\+[0-9]{1,4})?(\.[a-z]{3,11})?$/),
  fc.stringMatching(/^[a-z0-9=,%+_-]{1,12}(\/[a-z0-9._-]{1,8}){0,2}$/),
  fc.stringMatching(/^sha256:[0-9a-f]{8}$/),
);
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const anySpelling = fc
  .record({
    prefix: fc.constantFrom('urn:air:', 'air:', 'URN:AIR:', ''),
    ecosystem: optional(name),
    type: optional(name),
    source: name,
    id,
    version: optional(version),
  })
  .map(
    (air) =>
      air.prefix +
      [air.ecosystem, air.type, air.source, air.id].filter((part) => part !== undefined).join(':') +
      (air.version === undefined ? '' : `@${air.version}`),
  );

describe('the grammar of AIRs', () => {
  it('takes what Civitai’s own pattern takes, with the same parts', () => {
    fc.assert(
      fc.property(anySpelling, (text) => {
        const parts = SERVER.exec(text)?.groups;
        const air = accepted(text);
        if (typeof air === 'string') {
          // Named refusals: a way out of a folder, and the layer of older AIRs.
          expect(air).toMatch(/path segment|names a layer/);
          return;
        }
        // A format of its own is possible only where the version is absent, and there the id takes the dot.
        expect(parts).toMatchObject({ id: air.id });
        expect({ ...parts }).toEqual({
          ecosystem: parts?.['ecosystem'],
          type: parts?.['type'],
          source: parts?.['source'],
          id: air.id,
          version: wholeVersion(air),
          format: undefined,
        });
        expect(air).toMatchObject({ source: lower(parts?.['source']) });
        expect(air.ecosystem).toBe(lower(parts?.['ecosystem']));
        expect(air.type).toBe(lower(parts?.['type']));
      }),
      { numRuns: 2_000 },
    );
  });

  it('takes nothing that the pattern refuses but the short form', () => {
    const piece = fc.constantFrom('urn:', 'air:', 'sd1', ':', '@', '/', '.', '+', '55', '%2f', ' ');
    const mixed = fc.array(piece, { maxLength: 14 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(mixed, (text) => {
        const air = accepted(text);
        if (typeof air === 'string' || air.id === undefined) return;
        expect(text).toMatch(SERVER);
        expect(text.length).toBeLessThanOrEqual(MAX_AIR_LENGTH);
      }),
      { numRuns: 2_000 },
    );
  });

  it('reads the same from every spelling of one AIR', () => {
    const full = fc.tuple(name, name, name, id, version);
    fc.assert(
      fc.property(full, ([ecosystem, type, source, ofModel, ofVersion]) => {
        const bare = `${ecosystem}:${type}:${source}:${ofModel}@${ofVersion}`;
        const air = accepted(`urn:air:${bare}`);
        fc.pre(typeof air !== 'string');
        for (const prefix of ['air:', 'URN:AIR:', 'uRn:', ''])
          // A part named like a prefix is one only at the front.
          if (!/^(?:urn|air):/i.test(bare)) expect(accepted(prefix + bare)).toEqual(air);
        const upper = `${ecosystem}:${type}:${source}`.toUpperCase();
        expect(accepted(`urn:air:${upper}:${ofModel}@${ofVersion}`)).toEqual(air);
        const { ecosystem: _e, type: _t, ...rest } = air;
        expect(accepted(`${source}:${ofModel}@${ofVersion}`)).toEqual(rest);
        const { id: _id, ...short } = rest;
        if (!source.includes('/')) expect(accepted(`@${source}/${ofVersion}`)).toEqual(short);
      }),
      { numRuns: 1_000 },
    );
  });
});
