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

  it('counts a hires pass by its own size and steps, and enlarging alone as one step', () => {
    const plain = { ecosystem: 'sd1', width: 512, height: 512, steps: 20 } as const;
    const hires = { scale: 2, denoise: 0.5 };
    expect(imageCost({ ...plain, hires })).toBe(1.28 + 4 * 1.28);
    expect(imageCost({ ...plain, hires: { ...hires, steps: 10 } })).toBe(1.28 + 2 * 1.28);
    expect(imageCost({ ...plain, hires: { scale: 2, denoise: 0 } })).toBe(1.28 + 0.256);
    const source = { image: { url: 'https://example.org/a.png' }, denoise: 0 };
    expect(imageCost({ ...plain, source, hires: { scale: 2, denoise: 0 } })).toBe(0.064 + 0.256);
    expect(imageCost({ ...plain, source: { ...source, denoise: 0.5 } })).toBe(1.28);
  });
});
