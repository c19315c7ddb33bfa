import { builtinModules } from 'node:module';
import { fileURLToPath } from 'node:url';
import { DefaultLogger, bundleWorkflowCode } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/telemetry.ts';
import { installRuntime } from '../../src/workers/temporal-workers.ts';

/** 1.71 MB today (source map included), of which our own sources are 23 KB; one zod schema makes it 2.59 MB. */
const LIMIT_BYTES = 2_000_000;

let code: string;
beforeAll(async () => {
  installRuntime(silentLogger);
  ({ code } = await bundleWorkflowCode({
    logger: new DefaultLogger('ERROR'),
    workflowsPath: fileURLToPath(new URL('../../src/workflows/index.ts', import.meta.url)),
  }));
});

/** Files that webpack put into the bundle, by the comment it leaves above each. */
const modulesOf = (bundle: string): string[] =>
  [...bundle.matchAll(/^ {2}!\*\*\* (\S+)/gm)].map(([, path]) => path ?? '');

describe('the workflow bundle', () => {
  it('has the workflows and of our own code only workflows and domain', () => {
    const own = modulesOf(code).filter((path) => path.startsWith('./src/'));
    expect(own).toEqual(
      expect.arrayContaining(['./src/workflows/job-workflow.ts', './src/domain/naming.ts']),
    );
    expect(own.filter((path) => !/^\.\/src\/(workflows|domain)\//.test(path))).toEqual([]);
  });

  it('has no zod', () => {
    expect(modulesOf(code).filter((path) => path.includes('node_modules/zod'))).toEqual([]);
  });

  it('has no builtin of Node', () => {
    // The bundler refuses one that is reached; this is for those that a later version might let pass.
    const builtins = new Set(builtinModules.flatMap((name) => [name, `node:${name}`, 'external']));
    expect(modulesOf(code).filter((path) => builtins.has(path))).toEqual([]);
  });

  it('is small enough to start a worker quickly', () => {
    expect(Buffer.byteLength(code)).toBeLessThan(LIMIT_BYTES);
  });
});
