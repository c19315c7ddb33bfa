/** What kind of work a job is; decides its timeouts. A `task` needs no server: histories from before it know no such job. */
export const JOB_CLASSES = ['image', 'video', 'training', 'task'] as const;
export type JobClass = (typeof JOB_CLASSES)[number];
