import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { envExample, variablesTable } from './config-docs.ts';

const file = (name: string): string => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');

it('README has the table of variables that the code reads (npm run docs writes it)', () => {
  expect(file('README.md')).toContain(variablesTable());
});

it('.env.example lists the variables that the code reads (npm run docs writes it)', () => {
  expect(file('.env.example')).toBe(envExample());
});
