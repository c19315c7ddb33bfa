import type { VersionManners } from '../comfy-version.ts';
import { isRecord } from '../graph/prompt-graph.ts';
import type { HistoryEntry, PromptHistory } from '../prompt-history.ts';
import type { PromptQueue, QueueItem } from '../prompt-queue.ts';
import type { PromptWorker } from '../prompt-worker.ts';
import { bodyObject, json, type Route } from './exchange.ts';
import { shown } from './prompt-routes.ts';

const STATUSES = ['pending', 'in_progress', 'completed', 'failed', 'cancelled'] as const;
type JobStatus = (typeof STATUSES)[number];
type Job = Record<string, unknown> & { readonly id: string; readonly status: JobStatus };

const ENDINGS = ['execution_success', 'execution_error', 'execution_interrupted'];
const PREVIEWABLE = ['images', 'video', 'audio', '3d'];

const workflowIdOf = (item: QueueItem): unknown => {
  const pngInfo = item[3]['extra_pnginfo'];
  const workflow = isRecord(pngInfo) ? pngInfo['workflow'] : undefined;
  return isRecord(workflow) ? workflow['id'] : undefined;
};

const base = (item: QueueItem, status: JobStatus): Job => ({
  id: item[1],
  status,
  priority: item[0],
  create_time: item[3]['create_time'],
  workflow_id: workflowIdOf(item),
});

const queuedJob = (item: QueueItem, status: JobStatus): Job => ({
  ...base(item, status),
  outputs_count: 0,
});

const summarize = (outputs: HistoryEntry['outputs']) => {
  const files = Object.entries(outputs).flatMap(([nodeId, kinds]) =>
    Object.entries(kinds).flatMap(([mediaType, items]) =>
      (Array.isArray(items) ? items : []).filter(isRecord).map((item) => ({
        file: { ...item, nodeId, mediaType },
        previewable: PREVIEWABLE.includes(mediaType),
        saved: item['type'] === 'output',
      })),
    ),
  );
  const shownFirst = files.filter(({ previewable }) => previewable);
  return {
    outputs_count: files.length,
    preview_output: (shownFirst.find(({ saved }) => saved) ?? shownFirst[0])?.file,
  };
};

const finishedJob = (entry: HistoryEntry): Job => {
  const timeOf = (names: readonly string[]): unknown =>
    entry.status.messages.find(([event]) => names.includes(event))?.[1]['timestamp'];
  const last = entry.status.messages.at(-1);
  const status: JobStatus = entry.status.completed
    ? 'completed'
    : last?.[0] === 'execution_interrupted'
      ? 'cancelled'
      : 'failed';
  return {
    ...base(entry.prompt, status),
    execution_start_time: timeOf(['execution_start']),
    execution_end_time: timeOf(ENDINGS),
    execution_error: last?.[0] === 'execution_error' ? last[1] : undefined,
    ...summarize(entry.outputs),
  };
};

const durationOf = (job: Job): number => {
  const [start, end] = [job['execution_start_time'], job['execution_end_time']];
  return typeof start === 'number' && typeof end === 'number' ? end - start : 0;
};

const createdAt = (job: Job): number =>
  typeof job['create_time'] === 'number' ? job['create_time'] : 0;

const bad = (message: string) => json({ error: message }, 400);

const countOf = (value: string | null, least: number): number | undefined => {
  if (value === null) return undefined;
  const count = Number(value);
  return /^\d+$/.test(value) && count >= least ? count : NaN;
};

/** /api/jobs, /api/jobs/{id} and the cancels; they exist only under /api. */
export const jobsRoutes = (deps: {
  readonly queue: PromptQueue;
  readonly history: PromptHistory;
  readonly worker: PromptWorker;
  readonly manners: VersionManners;
  sendStatus(): void;
}): Route[] => {
  const { queue, history, worker } = deps;

  const all = (): Job[] => [
    ...(worker.running ? [queuedJob(worker.running, 'in_progress')] : []),
    ...queue.items().map((item) => queuedJob(item, 'pending')),
    ...[...history.all()].map(([, entry]) => finishedJob(entry)),
  ];

  const list: Route['handle'] = ({ query }) => {
    const statuses = query
      .get('status')
      ?.split(',')
      .map((part) => part.trim());
    const unknown = statuses?.find((status) => !STATUSES.some((known) => known === status));
    if (unknown !== undefined) return bad(`Invalid status value(s): ${unknown}`);
    const sortBy = query.get('sort_by') ?? 'created_at';
    if (sortBy !== 'created_at' && sortBy !== 'execution_duration') {
      return bad('sort_by must be one of: created_at, execution_duration');
    }
    const order = query.get('sort_order') ?? 'desc';
    if (order !== 'asc' && order !== 'desc') return bad("sort_order must be 'asc' or 'desc'");
    const limit = countOf(query.get('limit'), 1);
    if (Number.isNaN(limit)) return bad('limit must be a positive integer');
    const offset = countOf(query.get('offset'), 0) ?? 0;
    if (Number.isNaN(offset)) return bad('offset must be a non-negative integer');

    const rank = sortBy === 'created_at' ? createdAt : durationOf;
    const workflowId = query.get('workflow_id');
    const jobs = all()
      .filter((job) => !statuses || statuses.includes(job.status))
      .filter((job) => workflowId === null || job['workflow_id'] === workflowId)
      .sort((a, b) => (order === 'asc' ? rank(a) - rank(b) : rank(b) - rank(a)));
    const page = jobs.slice(offset, limit === undefined ? undefined : offset + limit);
    const pagination = {
      offset,
      limit: limit ?? null,
      total: jobs.length,
      has_more: offset + page.length < jobs.length,
    };
    return json({ jobs: page, pagination });
  };

  const workflowOf = (item: QueueItem) => {
    const [, , prompt, extra_data] = shown(item);
    return { prompt, extra_data };
  };

  const get: Route['handle'] = ({ params }) => {
    const id = params['id'] ?? '';
    const entry = history.find(id);
    if (entry) {
      return json({
        ...finishedJob(entry),
        outputs: entry.outputs,
        execution_status: entry.status,
        workflow: workflowOf(entry.prompt),
      });
    }
    const running = worker.running?.[1] === id ? worker.running : undefined;
    const item = running ?? queue.items().find((candidate) => candidate[1] === id);
    if (!item) return json({ error: 'Job not found' }, 404);
    const job = queuedJob(item, running ? 'in_progress' : 'pending');
    return json({ ...job, workflow: workflowOf(item) });
  };

  const cancelOne = (id: string): boolean => {
    if (worker.running?.[1] === id) {
      worker.interrupt();
      return true;
    }
    const removed = queue.remove(id);
    if (removed) deps.sendStatus();
    return removed;
  };

  const cancelMany: Route['handle'] = (request) => {
    const ids = bodyObject(request)['job_ids'];
    if (!Array.isArray(ids)) return bad('job_ids must be a list');
    const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
    const invalid = ids.filter((id) => typeof id !== 'string' || !uuid.test(id));
    if (invalid.length > 0) return json({ error: 'Invalid job ids', invalid_ids: invalid }, 400);
    return json({ cancelled: ids.map(String).filter(cancelOne).length > 0 });
  };

  const reading: Route[] = [
    { method: 'GET', path: '/api/jobs', apiOnly: true, handle: list },
    { method: 'GET', path: '/api/jobs/:id', apiOnly: true, handle: get },
  ];
  const cancelling: Route[] = [
    { method: 'POST', path: '/api/jobs/cancel', apiOnly: true, handle: cancelMany },
    {
      method: 'POST',
      path: '/api/jobs/:id/cancel',
      apiOnly: true,
      handle: ({ params }) => json({ cancelled: cancelOne(params['id'] ?? '') }),
    },
  ];
  switch (deps.manners.jobs) {
    case 'none':
      return [];
    case 'read':
      return reading;
    case 'cancel':
      return [...reading, ...cancelling];
  }
};
