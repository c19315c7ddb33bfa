import { describe, expect, it } from 'vitest';
import { imageCost } from './cost.ts';

describe('imageCost', () => {
  it('equals what the original service charged for a captured SDXL job', () => {
    expect(imageCost({ ecosystem: 'sdxl', width: 768, height: 512, steps: 20 })).toBe(0.96);
  });

  it.each([
    ['sd1', 512, 512, 20, 1.28],
    ['sd1', 512, 768, 25, 2.4],
    ['sdxl', 1024, 1024, 20, 2.56],
    ['sd3', 1024, 1024, 20, 5.12],
    ['flux1', 1024, 1024, 20, 7.68],
  ] as const)('%s at %i×%i with %i steps costs %d', (ecosystem, width, height, steps, cost) => {
    expect(imageCost({ ecosystem, width, height, steps })).toBe(cost);
  });

  it('grows with pixels and with steps', () => {
    const base = imageCost({ ecosystem: 'sdxl', width: 1024, height: 1024, steps: 20 });
    expect(imageCost({ ecosystem: 'sdxl', width: 2048, height: 1024, steps: 20 })).toBe(base * 2);
    expect(imageCost({ ecosystem: 'sdxl', width: 1024, height: 1024, steps: 40 })).toBe(base * 2);
  });
});
