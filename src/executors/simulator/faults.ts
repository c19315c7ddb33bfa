import { z } from 'zod';

const times = z.number().int().positive().default(1);
const step = z.number().int().positive().optional();

/** Ways the simulator can be told to misbehave. `times` is how often; a fault that was used up is gone. */
export const Fault = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('fail-node'),
    classType: z.string().optional(),
    nodeId: z.string().optional(),
    /** Fails in that step instead of at the start of the node. */
    atStep: step,
    exceptionType: z.string().default('RuntimeError'),
    message: z.string().default('simulated failure'),
    times,
  }),
  z.strictObject({ kind: z.literal('out-of-memory'), classType: z.string().optional(), times }),
  /** POST /prompt answers 500 and nothing is queued. */
  z.strictObject({ kind: z.literal('refuse-prompt'), times }),
  /** POST /prompt answers 500 although the prompt is queued. */
  z.strictObject({ kind: z.literal('enqueue-then-fail'), times }),
  /** POST /prompt queues and then cuts the connection. */
  z.strictObject({ kind: z.literal('enqueue-then-drop'), times }),
  /** Cuts every WebSocket, at once or in that sampler step. */
  z.strictObject({ kind: z.literal('drop-sockets'), atStep: step, times }),
  /** WebSockets stay open and say nothing more, until `off` or a reset. */
  z.strictObject({ kind: z.literal('silence-sockets'), off: z.boolean().default(false) }),
  /** The process ends, at once or in that sampler step. */
  z.strictObject({
    kind: z.literal('exit'),
    atStep: step,
    code: z.number().int().default(137),
    times,
  }),
  /** The next finished prompt leaves no history entry. */
  z.strictObject({ kind: z.literal('lose-history'), times }),
  /** The worker dies: the next prompt stays running for ever, or stays pending. */
  z.strictObject({ kind: z.literal('worker-death'), pending: z.boolean().default(false), times }),
  /** An `execution_error` of type ExecutionBlocked is sent, and the prompt goes on. */
  z.strictObject({ kind: z.literal('execution-blocked'), classType: z.string().optional(), times }),
  /** Any request whose path starts so, and whose query has that in it, is answered with that status. */
  z.strictObject({
    kind: z.literal('http-error'),
    path: z.string().startsWith('/'),
    query: z.string().optional(),
    method: z.string().optional(),
    status: z.number().int().min(400).max(599).default(503),
    times,
  }),
  /** Any request whose path starts so, and whose query has that in it, is never answered. */
  z.strictObject({
    kind: z.literal('hang'),
    path: z.string().startsWith('/'),
    query: z.string().optional(),
    method: z.string().optional(),
    times,
  }),
  /** GET /view promises the whole file and cuts the connection after that many bytes. */
  z.strictObject({
    kind: z.literal('truncate-view'),
    bytes: z.number().int().min(0).default(100),
    times,
  }),
  /** POST /interrupt is answered and ignored. */
  z.strictObject({ kind: z.literal('ignore-interrupt'), times }),
]);
export type Fault = z.infer<typeof Fault>;
/** A fault as callers write it: defaults may be left out. */
export type FaultInput = z.input<typeof Fault>;

type FaultOf<K extends Fault['kind']> = Extract<Fault, { kind: K }>;

export interface FaultBook {
  add(fault: Fault): void;
  /** The oldest fault of that kind that matches, used up once; undefined when there is none. */
  take<K extends Fault['kind']>(
    kind: K,
    matches?: (fault: FaultOf<K>) => boolean,
  ): FaultOf<K> | undefined;
  list(): readonly Fault[];
  clear(): void;
}

/** The faults that wait to happen. Bounded: beyond 1,000 the oldest is forgotten. */
export const createFaultBook = (): FaultBook => {
  let waiting: { fault: Fault; left: number }[] = [];
  return {
    add: (fault) => {
      waiting.push({ fault, left: 'times' in fault ? fault.times : 1 });
      if (waiting.length > 1000) waiting.shift();
    },
    take: (kind, matches = () => true) => {
      const found = waiting.find(
        ({ fault }) => fault.kind === kind && matches(fault as FaultOf<typeof kind>),
      );
      if (!found) return undefined;
      found.left -= 1;
      if (found.left === 0) waiting = waiting.filter((entry) => entry !== found);
      return found.fault as FaultOf<typeof kind>;
    },
    list: () =>
      waiting.map(({ fault, left }) => ('times' in fault ? { ...fault, times: left } : fault)),
    clear: () => {
      waiting = [];
    },
  };
};
