/** The two official v1 clients, unmodified, against one stack; with and without keys. */
import { afterAll, beforeAll } from 'vitest';
import { describeNpmMethods } from '../clients/npm-methods.ts';
import { describeNpmReadme } from '../clients/npm-readme.ts';
import { describePythonMethods } from '../clients/python-methods.ts';
import { startClientStack, type ClientStack } from '../support/client-stack.ts';

let stack: ClientStack;
beforeAll(async () => {
  stack = await startClientStack();
});
afterAll(() => stack.stop());

describeNpmReadme(() => stack);
describeNpmMethods(() => stack);
await describePythonMethods(() => stack);
