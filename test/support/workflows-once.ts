import { fileURLToPath } from 'node:url';

/** For vitest's `resolve.alias`: workflows are bundled once for all workers of a run. Needs built-program.ts. */
export const workflowsOnce = [
  {
    find: /^\.\/workflow-code\.ts$/,
    replacement: fileURLToPath(new URL('./bundled-workflows.ts', import.meta.url)),
  },
];
