/** Stands for `src/workers/workflow-code.ts` in the end-to-end tests, whose workers start in the process of the tests. */
import { fileURLToPath } from 'node:url';
import type { workflowCode as productCode } from '../../src/workers/workflow-code.ts';

/** The bundle that built-program.ts has made, as the built program uses it. */
export const workflowCode = (): ReturnType<typeof productCode> => ({
  workflowBundle: {
    codePath: fileURLToPath(new URL('../../dist/workflow-bundle.js', import.meta.url)),
  },
});
