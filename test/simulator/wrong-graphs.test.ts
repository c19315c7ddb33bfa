/**
 * Graphs made wrong by rule, for every node class that is known. With COMFY_CONFORMANCE_URL each is posted to that
 * server and to a simulator of the same version and models, and the answers must be the same.
 */
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  COMFY_VERSIONS,
  DEFAULT_COMFY_VERSION,
  mannersOf,
} from '../../src/executors/simulator/comfy-version.ts';
import { createNodeDefinitions } from '../../src/executors/simulator/graph/node-definitions.ts';
import { stringifyWide } from '../../src/executors/simulator/graph/wide-json.ts';
import { validatePrompt } from '../../src/executors/simulator/graph/validate-prompt.ts';
import { DEFAULT_MODELS } from '../../src/executors/simulator/models.ts';
import type { ObjectInfo } from './graph-maker.ts';
import {
  comparable,
  errorTypesOf,
  FRONTEND_OPTIONS,
  objectInfoOf,
  occupy,
} from './prompt-answers.ts';
import { call, post, withSimulator } from './simulator-session.ts';
import { createCaseMaker, oddGraphs, type Case } from './wrong-graphs.ts';

const realUrl = process.env['COMFY_CONFORMANCE_URL'];
const CHECKPOINT = 'tiny-sd15.safetensors';

const fits = (wanted: string | undefined, types: readonly string[]): boolean =>
  wanted === undefined ? types.length === 0 : types.includes(wanted);

/** What matters to validation, as one text. */
const contractOf = (info: ObjectInfo, classType: string): string => {
  const definition = info[classType];
  const { required = {}, optional = {} } = definition?.input ?? {};
  const isNewStyle = definition !== undefined && 'api_node' in definition;
  return JSON.stringify(
    [required, optional, definition?.output, definition?.output_node, isNewStyle],
    (key, value: unknown) => (FRONTEND_OPTIONS.includes(key) ? undefined : value),
  );
};

describe('wrong graphs', () => {
  it('get the error of their fault, for every input of every class', () => {
    const definitions = createNodeDefinitions({
      models: () => DEFAULT_MODELS,
      inputFiles: () => ['in.png'],
    });
    const info = JSON.parse(stringifyWide(definitions.all())) as ObjectInfo;
    const deps = { definitions, ownValidators: {}, manners: mannersOf(DEFAULT_COMFY_VERSION) };
    const makeCases = createCaseMaker(info);
    const classes = Object.keys(info).map(makeCases);
    const surprises: unknown[] = [];
    for (const { name, prompt, wanted } of classes.flat()) {
      const { error, nodeErrors } = validatePrompt(prompt, undefined, deps);
      const types = errorTypesOf({ ...(error && { error }), node_errors: nodeErrors });
      if (!fits(wanted, types)) surprises.push({ name, wanted, types });
    }
    expect(surprises).toEqual([]);
    // Fewer would mean that the maker of graphs no longer finds its way.
    expect(classes.filter((cases) => cases.length > 0).length).toBeGreaterThan(380);
    expect(classes.flat().length).toBeGreaterThan(10_000);
  });

  it('are answered over HTTP with 400, or with 200 when some output is good', async () => {
    await withSimulator({}, async ({ url }) => {
      for (const { name, prompt, wanted } of oddGraphs()) {
        const { status, body } = await post(`${url}/prompt`, { prompt });
        expect([name, fits(wanted, errorTypesOf(body as object))]).toEqual([name, true]);
        const isGood = body.prompt_id !== undefined;
        expect([name, status]).toEqual([name, isGood ? 200 : 400]);
      }
    });
  });

  it.skipIf(realUrl === undefined)(
    `are answered by ${realUrl ?? 'a real server'} as by the simulator`,
    async () => {
      const real = realUrl ?? '';
      const stats = (await call(`${real}/system_stats`)).body;
      const comfyVersion = COMFY_VERSIONS.find((one) => one === stats.system.comfyui_version);
      const models: Record<string, string[]> = {};
      for (const folder of (await call(`${real}/models`)).body as string[]) {
        models[folder] = (await call(`${real}/models/${folder}`)).body as string[];
      }
      const options = { models, stepMs: 20, ...(comfyVersion && { comfyVersion }) };
      await withSimulator(options, async ({ url }) => {
        const info = await objectInfoOf(real);
        const known = await objectInfoOf(url);
        const classes = Object.keys(info).filter(
          (one) => known[one] && contractOf(info, one) === contractOf(known, one),
        );
        const shared = Object.fromEntries(
          Object.entries(info).filter(([one]) => classes.includes(one)),
        );
        const makeCases = createCaseMaker(shared);
        const releases = [await occupy(real, CHECKPOINT), await occupy(url, CHECKPOINT)];
        const differing: unknown[] = [];
        let compared = 0;
        const compare = async ({ name, prompt }: Case): Promise<void> => {
          const answers = await Promise.all(
            [real, url].map(async (server) =>
              comparable(await post(`${server}/prompt`, { prompt })),
            ),
          );
          compared += 1;
          if (!isDeepStrictEqual(answers[0], answers[1])) differing.push({ name, answers });
        };
        for (const cases of [oddGraphs(), ...classes.map(makeCases)]) {
          for (const one of cases) await compare(one);
          for (const server of [real, url]) await post(`${server}/queue`, { clear: true });
        }
        for (const release of releases) await release();
        process.stdout.write(
          `${compared} graphs of ${classes.length} of ${Object.keys(info).length} classes compared\n`,
        );
        expect(differing.slice(0, 20)).toEqual([]);
        expect(classes.length).toBeGreaterThan(200);
      });
    },
    900_000,
  );
});
