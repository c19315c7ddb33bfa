import proto, { type temporal } from '@temporalio/proto';
import type { Client } from '@temporalio/client';
import { jobWorkflowId } from '../src/domain/naming.ts';
import { createPictureJobs } from './picture-jobs.ts';
import type { Scenario } from './scenario.ts';
import { median } from './statistics.ts';
import { atMost } from './table.ts';

type History = temporal.api.history.v1.IHistory;

/** Sizes of the payloads' data anywhere in a history. */
function payloadSizes(node: unknown): number[] {
  if (node === null || typeof node !== 'object' || node instanceof Uint8Array) return [];
  const { data, metadata } = node as { data?: unknown; metadata?: unknown };
  if (data instanceof Uint8Array && metadata !== undefined) return [data.length];
  return Object.values(node).flatMap(payloadSizes);
}

const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);

interface HistoryCost {
  readonly events: number;
  readonly bytes: number;
  readonly payloadBytes: number;
  readonly largestPayload: number;
}

async function readCost(client: Client, workflowId: string): Promise<HistoryCost> {
  const history: History = await client.workflow.getHandle(workflowId).fetchHistory();
  const payloads = payloadSizes(history);
  return {
    events: history.events?.length ?? 0,
    bytes: proto.temporal.api.history.v1.History.encode(history).finish().length,
    payloadBytes: sum(payloads),
    largestPayload: Math.max(0, ...payloads),
  };
}

/** Events and bytes that one success leaves in Temporal. */
export const historyCost: Scenario = {
  name: 'history',
  about: 'events and bytes in the history of a success',
  async run({ quick, size, stack: startStack, say }) {
    const { bare, url } = await startStack();
    const jobs = createPictureJobs(url, size);
    const rounds = quick ? 2 : 6;
    say(`history: ${rounds} jobs and bare workflows`);
    const ours: HistoryCost[] = [];
    const theirs: HistoryCost[] = [];
    for (let index = 0; index < rounds; index += 1) {
      ours.push(await readCost(bare.client, jobWorkflowId(await jobs.draw())));
      theirs.push(await readCost(bare.client, await bare.run()));
    }
    const figure = (what: string, field: keyof HistoryCost, unit: string) => ({
      what,
      unit,
      ours: median(ours.map((cost) => cost[field])),
      reference: median(theirs.map((cost) => cost[field])),
    });
    return [
      { ...figure('history: events of a success', 'events', ''), aim: atMost(31) },
      figure('history: size', 'bytes', 'B'),
      figure('history: payloads', 'payloadBytes', 'B'),
      { ...figure('history: largest payload', 'largestPayload', 'B'), aim: atMost(131_072) },
    ];
  },
};
