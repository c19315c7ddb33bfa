import { expect, it } from 'vitest';
import { parseFullAir, resourceKind, rootEcosystem } from './air.ts';
import { findModelFile } from './model-files.ts';
import { SAMPLE_MODELS, sampleModelFiles } from './sample-models.ts';

it.each(SAMPLE_MODELS.map(({ air }) => air))(
  'the sample %s is usable and finds its file',
  (text) => {
    const air = parseFullAir(text);
    const kind = resourceKind(air.type);
    // Upscalers fit every family.
    if (kind !== 'upscaler') expect(rootEcosystem(air.ecosystem)).toBeDefined();
    expect(findModelFile({ air, kind, files: sampleModelFiles() })?.name).toContain(air.version);
  },
);
