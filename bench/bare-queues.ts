/** Queues of the bare workflow: one for it and prepare, one for the rest. */
export const BARE_QUEUES = { cpuQueue: 'bare-cpu', gpuQueue: 'bare-gpu' } as const;
