import { describe, expect, it } from 'vitest';
import { isForeignOrigin } from './origin-check.ts';

describe('the origin check', () => {
  it.each([
    ['127.0.0.1:8188', 'http://127.0.0.1:8188', false],
    ['127.0.0.1:8188', 'http://127.0.0.1', false],
    ['127.0.0.1:8188', 'http://localhost:8188', true],
    ['localhost:8188', 'http://localhost:3000', true],
    ['[::1]:8188', 'http://evil.example', true],
    ['comfy.example:8188', 'http://evil.example', false],
    [undefined, 'http://evil.example', false],
    ['127.0.0.1:8188', undefined, false],
  ])('Host %s with Origin %s is foreign: %s', (host, origin, foreign) => {
    expect(isForeignOrigin(host, origin)).toBe(foreign);
  });
});
