import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isOrchestratorError } from '../errors.ts';
import {
  compressAir,
  decodeAirPath,
  formatAir,
  isCompressed,
  parseAir,
  parseFullAir,
  resourceKind,
  rootEcosystem,
  type Air,
} from './air.ts';

const refusal = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (isOrchestratorError(error) && error.code === 'invalid_air') return error.message;
    throw error;
  }
  throw new Error('nothing was thrown');
};

const DREAMSHAPER: Air = {
  ecosystem: 'sd1',
  type: 'checkpoint',
  source: 'civitai',
  id: '4384',
  version: '128713',
};

describe('parseAir', () => {
  it.each([
    ['urn:air:sd1:checkpoint:civitai:4384@128713', DREAMSHAPER],
    ['air:sd1:checkpoint:civitai:4384@128713', DREAMSHAPER],
    ['sd1:checkpoint:civitai:4384@128713', DREAMSHAPER],
    ['URN:AIR:SD1:Checkpoint:Civitai:4384@128713', DREAMSHAPER],
    ['civitai:4384@128713', { source: 'civitai', id: '4384', version: '128713' }],
    ['civitai:4384', { source: 'civitai', id: '4384' }],
    ['@civitai/128713', { source: 'civitai', version: '128713' }],
    [
      'sd1:checkpoint:civitai:4384',
      { ecosystem: 'sd1', type: 'checkpoint', source: 'civitai', id: '4384' },
    ],
    [
      'urn:air:model:huggingface:owner/Repo',
      { ecosystem: 'model', source: 'huggingface', id: 'owner/Repo' },
    ],
    ['civitai:4384.safetensors', { source: 'civitai', id: '4384.safetensors' }],
    ['civitai:1@2.safetensors', { source: 'civitai', id: '1', version: '2.safetensors' }],
    ['civitai:4384@128713+55', { source: 'civitai', id: '4384', version: '128713', fileId: '55' }],
    [
      'civitai:4384@128713+55.safetensors',
      { source: 'civitai', id: '4384', version: '128713', fileId: '55', format: 'safetensors' },
    ],
    ['civitai:4384@128713+rc', { source: 'civitai', id: '4384', version: '128713+rc' }],
    ['@civitai/128713+55', { source: 'civitai', version: '128713', fileId: '55' }],
    ['urn:civitai:4384@128713', { source: 'civitai', id: '4384', version: '128713' }],
    [
      'urn:air:civitai-r2:models:a/b.tar',
      { ecosystem: 'civitai-r2', source: 'models', id: 'a/b.tar' },
    ],
    [
      'urn:air:sdxl:repository:huggingface:owner/repo@main.tar',
      {
        ecosystem: 'sdxl',
        type: 'repository',
        source: 'huggingface',
        id: 'owner/repo',
        version: 'main.tar',
      },
    ],
    [
      'urn:air:comfy:nodepack:comfyregistry:comfyui-kjnodes@1.0.5',
      {
        ecosystem: 'comfy',
        type: 'nodepack',
        source: 'comfyregistry',
        id: 'comfyui-kjnodes',
        version: '1.0.5',
      },
    ],
    [
      'urn:air:sd1:lora:civitai-r2:bucket@a=1,b%2Bc.safetensors',
      {
        ecosystem: 'sd1',
        type: 'lora',
        source: 'civitai-r2',
        id: 'bucket',
        version: 'a=1,b%2Bc.safetensors',
      },
    ],
    [
      'urn:air:oci:image:ghcr:a/b@sha256:abc',
      { ecosystem: 'oci', type: 'image', source: 'ghcr', id: 'a/b', version: 'sha256:abc' },
    ],
    [
      'urn:air:flux1:checkpoint:huggingface:Comfy-Org/flux1-dev@main/flux1-dev-fp8.safetensors',
      {
        ecosystem: 'flux1',
        type: 'checkpoint',
        source: 'huggingface',
        id: 'Comfy-Org/flux1-dev',
        version: 'main/flux1-dev-fp8.safetensors',
      },
    ],
  ])('reads %s', (text, air) => {
    expect(parseAir(text)).toEqual(air);
  });

  it.each([
    ['', 'source and an id'],
    ['4384@128713', 'source and an id'],
    ['128713', 'source and an id'],
    ['urn:air:a:b:c:d:e@1', 'at most ecosystem'],
    ['urn:air:sd1:checkpoint:civitai:@1', 'id is empty'],
    ['civitai:4384@', 'version is empty'],
    ['civitai:4384@128713:layer', 'names a layer'],
    ['@civitai/128713:layer.safetensors', 'names a layer'],
    ['civitai/128713', 'source and an id'],
    ['@/128713', 'source and an id'],
    ['urn:air:', 'source and an id'],
    ['urn:air:sd1::civitai:4384@1', 'type is empty'],
    ['urn:air:sd1:checkpoint:civit.ai:4384@1', 'not allowed'],
    ['civitai:43 84@1', 'not allowed'],
    [' civitai:4384@1', 'not allowed'],
    ['civitai:4384@1@2', 'not allowed'],
    ['civitai:../../etc/passwd@1', 'path segment'],
    ['civitai:/etc/passwd@1', 'path segment'],
    ['civitai:a@main/../../x', 'path segment'],
    ['civitai:a@%2e%2e/x', 'path segment'],
    ['civitai:a@x%5c..%5cy', 'path segment'],
    ['civitai:a\\b@1', 'not allowed'],
    ['civitai:a@1\u0000', 'not allowed'],
    ['@civitai/../../x', 'path segment'],
    ['@civitai/', 'source and an id'],
    [`civitai:${'1'.repeat(600)}`, '608 characters'],
  ])('refuses %j and says why', (text, why) => {
    const message = refusal(() => parseAir(text));
    expect(message).toContain(why);
    expect(message).toContain('urn:air:sdxl:checkpoint:civitai:101055@128078');
  });

  it('names the seen value, shortened when it is long', () => {
    expect(refusal(() => parseAir('bad air'))).toContain('"bad air"');
    expect(refusal(() => parseAir('x'.repeat(5000))).length).toBeLessThan(300);
  });

  it('never throws anything but invalid_air', () => {
    const alphabet = fc.constantFrom(...'urn:air@/+.%-_\\ \u0000\ud800é0123456789abcXYZ'.split(''));
    const garbage = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(alphabet, { maxLength: 60 }).map((chars) => chars.join('')),
    );
    fc.assert(
      fc.property(garbage, (text) => {
        try {
          expect(parseAir(formatAir(parseAir(text)))).toEqual(parseAir(text));
        } catch (error) {
          if (!isOrchestratorError(error) || error.code !== 'invalid_air') throw error;
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('parseFullAir', () => {
  it('names the parts that are absent', () => {
    expect(parseFullAir('sd1:checkpoint:civitai:4384@128713')).toEqual(DREAMSHAPER);
    expect(refusal(() => parseFullAir('civitai:4384@1'))).toContain('no ecosystem, type');
    expect(refusal(() => parseFullAir('@civitai/1'))).toContain('no ecosystem, type, id');
  });
});

describe('formatAir and compressAir', () => {
  it('write the canonical and the short form', () => {
    expect(formatAir(parseAir('SD1:CheckPoint:Civitai:4384@128713'))).toBe(
      'urn:air:sd1:checkpoint:civitai:4384@128713',
    );
    expect(compressAir(DREAMSHAPER)).toBe('@civitai/128713');
    expect(formatAir(parseAir('@Civitai/128713'))).toBe('@civitai/128713');
    expect(isCompressed('@civitai/128713')).toBe(true);
    expect(isCompressed(formatAir(DREAMSHAPER))).toBe(false);
    expect(refusal(() => compressAir(parseAir('civitai:1')))).toContain('without a version');
  });

  it('parsing what was formatted gives the same parts', () => {
    const word = fc.stringMatching(/^[a-z0-9_-]{1,12}$/);
    const path = fc.array(fc.stringMatching(/^[A-Za-z0-9_-]{1,8}$/), {
      minLength: 1,
      maxLength: 3,
    });
    const anyAir: fc.Arbitrary<Air> = fc
      .record({
        ecosystem: word,
        type: word,
        source: word,
        id: path.map((parts) => parts.join('/')),
        version: path.map((parts) => parts.join('/')),
        fileId: fc.option(fc.nat().map(String), { nil: undefined }),
      })
      .map(({ fileId, ...rest }) => ({ ...rest, ...(fileId === undefined ? {} : { fileId }) }));
    fc.assert(
      fc.property(anyAir, (air) => {
        expect(parseAir(formatAir(air))).toEqual(air);
      }),
    );
  });
});

describe('decodeAirPath', () => {
  it('takes the raw and the percent-encoded spelling', () => {
    const text = formatAir(DREAMSHAPER);
    expect(decodeAirPath(text)).toBe(text);
    expect(decodeAirPath(encodeURIComponent(text))).toBe(text);
    expect(decodeAirPath('%40civitai%2F128713')).toBe('@civitai/128713');
    expect(decodeAirPath('civitai:1@50%x')).toBe('civitai:1@50%x');
    expect(refusal(() => decodeAirPath('%ff%fe'))).toContain('UTF-8');
  });
});

describe('rootEcosystem and resourceKind', () => {
  it.each([
    ['sd1', 'sd1'],
    ['SD15', 'sd1'],
    ['pony', 'sdxl'],
    ['Illustrious', 'sdxl'],
    ['noobai', 'sdxl'],
    ['sdxldistilled', 'sdxl'],
    ['sd3', 'sd3'],
    ['SD3_5M', 'sd3'],
    ['sd35', 'sd3'],
    ['flux1', 'flux1'],
    ['fluxkrea', 'flux1'],
    ['ponyv7', undefined],
    ['flux2', undefined],
    ['constructor', undefined],
  ])('%s belongs to %s', (name, root) => {
    expect(rootEcosystem(name)).toBe(root);
  });

  it.each([
    ['checkpoint', 'checkpoint'],
    ['unet', 'checkpoint'],
    ['LoCon', 'lora'],
    ['lycoris', 'lora'],
    ['dora', 'lora'],
    ['TextualInversion', 'embedding'],
    ['vae', 'vae'],
    ['hypernet', 'other'],
    ['__proto__', 'other'],
  ])('a %s is used as %s', (type, kind) => {
    expect(resourceKind(type)).toBe(kind);
  });
});
