/** The two official v1 clients, unmodified, and what Civitai documents and answers, on one stack; with and without keys. */
import { afterAll, beforeAll, describe } from 'vitest';
import { describeCapturedAnswers } from '../clients/captured-answers.ts';
import { describeDocumentedAnswers } from '../clients/documented-answers.ts';
import { gatherAnswers, type WireAnswers } from '../clients/wire-answers.ts';
import { describeNpmMethods } from '../clients/npm-methods.ts';
import { describeNpmReadme } from '../clients/npm-readme.ts';
import { describePythonMethods } from '../clients/python-methods.ts';
import { startClientStack, type ClientStack } from '../support/client-stack.ts';

let stack: ClientStack;
beforeAll(async () => {
  stack = await startClientStack();
});
afterAll(() => stack.stop());

describe('answers of v1', () => {
  let answers: WireAnswers;
  beforeAll(async () => {
    answers = await gatherAnswers(stack);
  });
  describeDocumentedAnswers(() => answers);
  describeCapturedAnswers(() => answers);
});
describeNpmReadme(() => stack);
describeNpmMethods(() => stack);
await describePythonMethods(() => stack);
