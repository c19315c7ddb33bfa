/** docs/failures.md names a test for each row; here it is checked that they exist. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const ROOT = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/failures.md', ROOT), 'utf8');

/** `file` › test, up to the end of a cell, a bracket or a line's comma. */
const named = [
  ...page.matchAll(/`([\w./-]+\.test\.ts)` › ([^|\n]+?)(?= \||\)\.?$|\),|\) \||,$|\.$|\)$)/gm),
].map(([, file = '', test = '']) => ({
  file: file.includes('/') ? file : `test/e2e/${file}`,
  test,
}));

describe('docs/failures.md', () => {
  it('names many tests', () => {
    expect(named.length).toBeGreaterThan(50);
  });

  it.each(named)('$file has the test "$test"', ({ file, test }) => {
    const source = readFileSync(new URL(file, ROOT), 'utf8').replaceAll("\\'", "'");
    const quoted = ["'", '"', '`'].some((quote) => source.includes(`${quote}${test}`));
    expect(quoted, `${file} has no test named: ${test}`).toBe(true);
  });
});
