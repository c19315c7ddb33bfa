/** Everything a worker registers: Temporal bundles workflows from one file. */
export { callbackWorkflow } from './callback-workflow.ts';
export { jobWorkflow } from './job-workflow.ts';
export { withdrawWorkflow } from './withdraw-workflow.ts';
