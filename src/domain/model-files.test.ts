import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAir, type ResourceKind } from './air.ts';
import { fileIndexOf } from './file-index.ts';
import { findModelFile, foldersFor } from './model-files.ts';

const find = (
  air: string,
  kind: ResourceKind,
  files: Readonly<Record<string, readonly string[]>>,
  fileName?: string,
) =>
  findModelFile({
    air: parseAir(air),
    kind,
    files,
    ...(fileName === undefined ? {} : { fileName }),
  });

const DREAMSHAPER = 'urn:air:sd1:checkpoint:civitai:4384@128713';

describe('findModelFile with a file name', () => {
  it('prefers exactly that name to another casing of it', () => {
    const files = { checkpoints: ['a/Dream.safetensors', 'A/dream.safetensors'] };
    expect(find(DREAMSHAPER, 'checkpoint', files, 'A/dream.safetensors')?.name).toBe(
      'A/dream.safetensors',
    );
  });

  it('finds the listed spelling on a Windows server', () => {
    const files = { checkpoints: ['SD15\\DreamShaper_8.safetensors'] };
    expect(find(DREAMSHAPER, 'checkpoint', files, 'sd15/dreamshaper_8.safetensors')).toEqual({
      folder: 'checkpoints',
      name: 'SD15\\DreamShaper_8.safetensors',
    });
  });

  it('finds the file in another folder only when its base name is listed once', () => {
    const name = 'dream.safetensors';
    expect(
      find(DREAMSHAPER, 'checkpoint', { checkpoints: ['x/y/dream.safetensors'] }, name)?.name,
    ).toBe('x/y/dream.safetensors');
    const twice = { checkpoints: ['x/dream.safetensors', 'y/dream.safetensors'] };
    expect(find(DREAMSHAPER, 'checkpoint', twice, name)).toBeUndefined();
  });

  it('does not fall back to the convention: the catalogue named the file', () => {
    const files = { checkpoints: ['128713.safetensors'] };
    expect(find(DREAMSHAPER, 'checkpoint', files, 'other.safetensors')).toBeUndefined();
  });

  it('says which others fit when only the casing differs', () => {
    const files = { checkpoints: ['DREAM.safetensors', 'Dream.safetensors'] };
    expect(find(DREAMSHAPER, 'checkpoint', files, 'dream.safetensors')).toEqual({
      folder: 'checkpoints',
      name: 'DREAM.safetensors',
      alternatives: ['Dream.safetensors'],
    });
  });

  it('looks in the folder of the kind and in no other', () => {
    expect(
      find(DREAMSHAPER, 'lora', { checkpoints: ['a.safetensors'] }, 'a.safetensors'),
    ).toBeUndefined();
    expect(find(DREAMSHAPER, 'checkpoint', {}, 'a.safetensors')).toBeUndefined();
    expect(
      find(DREAMSHAPER, 'other', { other: ['a.safetensors'] }, 'a.safetensors'),
    ).toBeUndefined();
  });

  it('matches embeddings, which are listed with or without extension', () => {
    const air = 'urn:air:sd1:embedding:civitai:7808@9208';
    const file = 'EasyNegative.safetensors';
    expect(find(air, 'embedding', { embeddings: ['EasyNegative'] }, file)?.name).toBe(
      'EasyNegative',
    );
    expect(find(air, 'embedding', { embeddings: ['EasyNegative'] }, 'easynegative.pt')?.name).toBe(
      'EasyNegative',
    );
    expect(find(air, 'embedding', { embeddings: [file] }, 'EasyNegative')?.name).toBe(file);
    expect(find(air, 'embedding', { embeddings: ['neg\\EasyNegative'] }, file)?.name).toBe(
      'neg\\EasyNegative',
    );
  });
});

describe('findModelFile by convention', () => {
  it.each([
    ['sd1/civitai/4384/128713.safetensors'],
    ['sd1/civitai/4384/128713.ckpt'],
    ['SD1\\civitai\\4384\\128713.pt'],
    ['128713.safetensors'],
    ['anything/dreamshaper_128713.safetensors'],
    ['DreamShaper v8 (128713).gguf'],
  ])('finds %s', (name) => {
    const files = {
      checkpoints: ['zzz.safetensors', name, '1287130.safetensors', 'x128713.safetensors'],
    };
    expect(find(DREAMSHAPER, 'checkpoint', files)).toEqual({ folder: 'checkpoints', name });
  });

  it('finds an embedding listed without extension', () => {
    const air = 'urn:air:sd1:embedding:civitai:7808@9208';
    expect(find(air, 'embedding', { embeddings: ['sd1/civitai/7808/9208'] })?.name).toBe(
      'sd1/civitai/7808/9208',
    );
    expect(find(air, 'embedding', { embeddings: ['easy_9208'] })?.name).toBe('easy_9208');
  });

  it('does not take a model id in a folder name for the version', () => {
    expect(
      find(DREAMSHAPER, 'checkpoint', { checkpoints: ['sd1/civitai/128713/1.safetensors'] }),
    ).toBeUndefined();
  });

  it('does not take a short number in a name for the version', () => {
    const air = 'urn:air:sd1:checkpoint:civitai:9@15';
    expect(find(air, 'checkpoint', { checkpoints: ['model_15.safetensors'] })).toBeUndefined();
    expect(find(air, 'checkpoint', { checkpoints: ['15.safetensors'] })?.name).toBe(
      '15.safetensors',
    );
  });

  it('prefers the documented path, then the bare id, then the first in sorted order', () => {
    const path = 'sd1/civitai/4384/128713.safetensors';
    const loose = ['b_128713.safetensors', 'a_128713.safetensors'];
    expect(
      find(DREAMSHAPER, 'checkpoint', { checkpoints: [...loose, '128713.pt', path] })?.name,
    ).toBe(path);
    expect(find(DREAMSHAPER, 'checkpoint', { checkpoints: [...loose, '128713.pt'] })?.name).toBe(
      '128713.pt',
    );
    expect(find(DREAMSHAPER, 'checkpoint', { checkpoints: loose })).toEqual({
      folder: 'checkpoints',
      name: 'a_128713.safetensors',
      alternatives: ['b_128713.safetensors'],
    });
  });

  it('finds a flux diffusion model in either folder, and prefers the better match to the first folder', () => {
    const air = 'urn:air:flux1:checkpoint:civitai:618692@691639';
    expect(find(air, 'checkpoint', { unet: ['flux_691639.safetensors'] })?.folder).toBe('unet');
    expect(
      find(air, 'checkpoint', {
        checkpoints: ['old_691639.safetensors'],
        diffusion_models: ['flux1/civitai/618692/691639.safetensors'],
      })?.folder,
    ).toBe('diffusion_models');
    expect(foldersFor('checkpoint', 'sdxl')).toEqual(['checkpoints']);
  });

  it('finds a huggingface file by the name its version ends with', () => {
    const air =
      'urn:air:flux1:checkpoint:huggingface:Comfy-Org/flux1-dev@main/flux1-dev-fp8.safetensors';
    expect(find(air, 'checkpoint', { checkpoints: ['flux1-dev-fp8.safetensors'] })?.name).toBe(
      'flux1-dev-fp8.safetensors',
    );
  });

  it('finds nothing for an AIR without a version', () => {
    expect(
      find('civitai:4384', 'checkpoint', { checkpoints: ['4384.safetensors'] }),
    ).toBeUndefined();
  });
});

describe('with 10,000 files', () => {
  const names = Array.from(
    { length: 10_000 },
    (_, index) => `folder${index % 97}/model_${100_000 + index}.safetensors`,
  );

  it('finds every one of them by its version id', () => {
    const files = { loras: names };
    names.forEach((name, index) => {
      expect(find(`urn:air:sd1:lora:civitai:1@${100_000 + index}`, 'lora', files)?.name).toBe(name);
    });
  });

  it('reads the list a fixed number of times, however often it is asked', () => {
    let reads = 0;
    const counted = new Proxy(names, {
      get: (target, key, receiver): unknown => {
        if (key === Symbol.iterator) reads += 1;
        return Reflect.get(target, key, receiver);
      },
    });
    for (let index = 0; index < 500; index += 1) {
      find(`urn:air:sd1:lora:civitai:1@${100_000 + index}`, 'lora', { loras: counted });
      find(
        'urn:air:sd1:lora:civitai:1@7',
        'lora',
        { loras: counted },
        `FOLDER1\\Model_${index}.safetensors`,
      );
    }
    expect(reads).toBeLessThanOrEqual(2);
    expect(fileIndexOf(counted)).toBe(fileIndexOf(counted));
  });
});

it('only ever answers with a listed name', () => {
  const name = fc.stringMatching(/^[A-Za-z0-9_\\/.-]{1,20}$/);
  fc.assert(
    fc.property(fc.array(name), name, (list, fileName) => {
      const found = find(DREAMSHAPER, 'checkpoint', { checkpoints: list }, fileName);
      if (found !== undefined) expect(list).toContain(found.name);
    }),
  );
});
