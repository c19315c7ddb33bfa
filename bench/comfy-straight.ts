import { randomInt, randomUUID } from 'node:crypto';
import type { Graph } from '../src/domain/graphs/graph.ts';
import { createComfyExecutor } from '../src/executors/comfyui/executor.ts';
import { silentLogger } from '../src/telemetry.ts';

/** One way of getting that many pictures drawn; resolves with the prompts' ids when all are. */
export type Way = (count: number) => Promise<string[]>;

/** The same graph with another seed and another file name. */
const vary = (graph: Graph): Graph =>
  Object.fromEntries(
    Object.entries(graph).map(([id, node]) => {
      const { inputs } = node;
      const seed = 'seed' in inputs ? { seed: randomInt(2 ** 32) } : {};
      const prefix =
        'filename_prefix' in inputs ? { filename_prefix: `orchestrator/${randomUUID()}/r1a1` } : {};
      return [id, { ...node, inputs: { ...inputs, ...seed, ...prefix } }];
    }),
  );

/** A client that posts to ComfyUI and listens on its socket, without the product between. */
export function createStraight(url: string, graph: Graph) {
  const clientId = `bench-${randomUUID()}`;
  const options = { serverId: 'straight', httpUrl: url, clientId, logger: silentLogger };
  const executor = createComfyExecutor(options);
  const post = async (): Promise<string> => {
    const promptId = randomUUID();
    await executor.submit({ promptId, graph: vary(graph), traceId: '' });
    return promptId;
  };
  const untilDrawn = async (promptId: string): Promise<void> => {
    const { state } = await executor.watch(promptId, { signal: AbortSignal.timeout(600_000) });
    if (state !== 'succeeded') throw new Error(`prompt ${promptId} is ${state}`);
  };
  const atOnce: Way = async (count) => {
    const ids: string[] = [];
    for (let index = 0; index < count; index += 1) ids.push(await post());
    await untilDrawn(ids.at(-1) ?? '');
    return ids;
  };
  const oneByOne: Way = async (count) => {
    const ids: string[] = [];
    for (let index = 0; index < count; index += 1) {
      const id = await post();
      await untilDrawn(id);
      ids.push(id);
    }
    return ids;
  };
  return { atOnce, oneByOne, close: () => executor.close() };
}
