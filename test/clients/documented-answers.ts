import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import Ajv, { type ErrorObject } from 'ajv';
import addFormats from 'ajv-formats';
import { expect, it } from 'vitest';
import { REPOSITORY } from '../support/markdown.ts';
import { expectListed } from './deviation-table.ts';
import type { WireAnswer, WireAnswers } from './wire-answers.ts';

const HEADING = 'Differences from the OpenAPI document';

/** By the name that a job's type has in answers. */
const JOB_SCHEMAS = [
  ['texttoimagev2', 'TextToImageJob'],
  ['comfy', 'ComfyJob'],
  ['imagetransform', 'ImageTransformJob'],
] as const;

/** `JobStatus.result: …`, whatever the index in a list and the name of a provider. */
function difference(schema: string, { instancePath, keyword, params }: ErrorObject): string {
  const path = instancePath.replace(/\/\d+/g, '[]').replaceAll('/', '.');
  const what =
    keyword === 'additionalProperties'
      ? `also has ${(params as { additionalProperty: string }).additionalProperty}`
      : keyword;
  return `${schema}${path}: ${what}`;
}

/** The answers against the schemas of Civitai's own OpenAPI document of v1. */
export function describeDocumentedAnswers(answersOf: () => WireAnswers): void {
  it('answers what Civitai’s OpenAPI document says, but for the differences that are listed', async () => {
    const path = join(REPOSITORY, 'test', 'fixtures', 'civitai-v1-schemas.json');
    const document = JSON.parse(await readFile(path, 'utf8')) as { schemas: object };
    const ajv = new Ajv.default({ allErrors: true, strict: false });
    addFormats.default(ajv);
    for (const format of ['int32', 'int64', 'double']) ajv.addFormat(format, true);
    ajv.addSchema({ $id: 'civitai', ...document });
    const found: string[] = [];
    const check = (schema: string, value: unknown): void => {
      const validate = ajv.getSchema(`civitai#/schemas/${schema}`);
      if (!validate) throw new Error(`there is no schema ${schema}`);
      if (validate(value) === true) return;
      found.push(...(validate.errors ?? []).map((error) => difference(schema, error)));
    };
    const checkAll = (schema: string, answers: Readonly<Record<string, WireAnswer>>): void => {
      for (const { body } of Object.values(answers)) check(schema, body);
    };
    const answers = answersOf();
    checkAll('JobStatus', answers.statuses);
    checkAll('JobStatusCollection', answers.collections);
    checkAll('QueryJobsResult', answers.queries);
    checkAll('TaintJobsResult', answers.taints);
    checkAll('ConsumptionDetails', answers.consumption);
    checkAll('ProblemDetails', answers.problems);
    for (const one of Object.values(answers.coverage.body as object))
      check('ProviderAssetAvailability', one);
    for (const { body } of Object.values(answers.statuses)) {
      const { job } = body as { job?: { type: string } };
      const schema = JOB_SCHEMAS.find(([type]) => type === job?.type.toLowerCase())?.[1];
      if (job !== undefined) check(schema ?? job.type, job);
    }
    await expectListed(HEADING, found);
  });

  it('answers with the status and the content type that are documented', () => {
    const { problems, coverage, resource, ...ok } = answersOf();
    for (const answer of [
      resource,

      coverage,
      ...Object.values(ok).flatMap((group) => Object.values(group)),
    ]) {
      expect([200, 202]).toContain(answer.status);
      expect(answer.contentType).toBe('application/json');
    }
    expect(Object.values(problems).map(({ status }) => status)).toEqual([400, 404, 404, 404]);
    for (const { contentType } of Object.values(problems))
      expect(contentType).toBe('application/problem+json');
  });
}
