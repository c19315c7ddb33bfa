/** Everything a worker registers: Temporal bundles workflows from one file. */
export { jobWorkflow } from './job-workflow.ts';
export { withdrawWorkflow } from './withdraw-workflow.ts';
