import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { metricsTable } from './metrics-docs.ts';

it('docs/metrics.md has the table of metrics that the code keeps (npm run docs writes it)', () => {
  const page = readFileSync(new URL('../docs/metrics.md', import.meta.url), 'utf8');
  expect(page).toContain(metricsTable());
});
