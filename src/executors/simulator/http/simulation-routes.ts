import { z } from 'zod';
import type { ExecutionLog } from '../execution-log.ts';
import { Fault, type FaultBook } from '../faults.ts';
import type { NodeDefinitions } from '../graph/node-definitions.ts';
import { ModelList } from '../model-list.ts';
import { isRunnable } from '../nodes/execute-node.ts';
import { bodyJson, json, type Route } from './exchange.ts';

export interface SimulationDeps {
  readonly bootId: string;
  readonly definitions: NodeDefinitions;
  readonly log: ExecutionLog;
  readonly faults: FaultBook;
  fault(fault: Fault): void;
  setModels(models: Record<string, string[]>): void;
  pauseDrawing(paused: boolean): void;
  reset(): void;
}

const Pause = z.strictObject({ paused: z.boolean() });

const refused = (error: z.ZodError, further: object = {}) =>
  json({ error: z.prettifyError(error), ...further }, 400);

const FAULT_KINDS = { kinds: Fault.options.map((option) => option.shape.kind.value) };

/** /sim/*: what a real server does not have. */
export const simulationRoutes = (deps: SimulationDeps): Route[] => [
  {
    method: 'GET',
    path: '/sim/executions',
    handle: () =>
      json({ boot_id: deps.bootId, total: deps.log.total, executions: deps.log.entries() }),
  },
  {
    method: 'GET',
    path: '/sim/nodes',
    handle: () => {
      const classes = Object.entries(deps.definitions.all());
      const named = (runnable: boolean): string[] =>
        classes
          .filter(([name, definition]) => isRunnable(name, definition) === runnable)
          .map(([name]) => name);
      return json({ runnable: named(true), not_runnable: named(false) });
    },
  },
  { method: 'GET', path: '/sim/faults', handle: () => json({ faults: deps.faults.list() }) },
  {
    method: 'POST',
    path: '/sim/faults',
    handle: (request) => {
      const body = bodyJson(request);
      const faults = z.array(Fault).safeParse(Array.isArray(body) ? body : [body]);
      if (!faults.success) return refused(faults.error, FAULT_KINDS);
      faults.data.forEach(deps.fault);
      return json({ faults: deps.faults.list() });
    },
  },
  {
    method: 'POST',
    path: '/sim/models',
    handle: (request) => {
      const models = ModelList.safeParse(bodyJson(request));
      if (!models.success) return refused(models.error);
      deps.setModels(models.data);
      return json({ folders: Object.keys(models.data) });
    },
  },
  {
    method: 'POST',
    path: '/sim/drawing',
    handle: (request) => {
      const pause = Pause.safeParse(bodyJson(request));
      if (!pause.success) return refused(pause.error);
      deps.pauseDrawing(pause.data.paused);
      return json(pause.data);
    },
  },
  {
    method: 'POST',
    path: '/sim/reset',
    handle: () => {
      deps.reset();
      return json({ ok: true });
    },
  },
];
