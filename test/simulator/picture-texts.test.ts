/** The custom nodes behind jobs that say something of a picture, and what our client reads of them. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { PictureText } from '../../src/domain/generation.ts';
import type { Graph } from '../../src/domain/graphs/graph.ts';
import { planGraph } from '../../src/ecosystems/plan-graph.ts';
import { stateOfEntry } from '../../src/executors/comfyui/history.ts';
import { DEFAULT_MODELS } from '../../src/executors/simulator/models.ts';
import { createBitmap } from '../../src/executors/simulator/picture/bitmap.ts';
import { encodePng } from '../../src/executors/simulator/picture/encode-png.ts';
import { objectInfoOf } from './prompt-answers.ts';
import { withSimulator } from './simulator-session.ts';

const image = { blobKey: 'a.png' };
const GENERATIONS: readonly PictureText[] = [
  { operation: 'wdTagging', tagger: 'wd-vit-tagger-v3', threshold: 0, image },
  {
    ...{ operation: 'mediaCaptioning', captioner: 'microsoft/Florence-2-base', image },
    ...{ maxNewTokens: 4, isSampled: true, seed: 3 },
  },
  { operation: 'imageEmbedding', image },
];

const graphOf = (generation: PictureText): Graph => {
  const plan = planGraph(generation, { fileNameOf: () => undefined, listed: DEFAULT_MODELS });
  if ('missing' in plan) throw new Error(plan.missing.join());
  return plan.build({ image: 'a.png' }, 'prefix');
};

describe('nodes that say something of a picture', () => {
  it('leave it in the books of the server, where our client finds it', async () => {
    await withSimulator({}, async ({ run, dataDir }) => {
      await mkdir(join(dataDir, 'input'), { recursive: true });
      await writeFile(join(dataDir, 'input', 'a.png'), await encodePng(createBitmap(32, 32)));
      for (const generation of GENERATIONS) {
        const entry = await run(graphOf(generation));
        expect(entry.status.messages.at(-1)[0], generation.operation).toBe('execution_success');
        expect(Object.keys(entry.outputs.text ?? {})).toEqual([
          generation.operation === 'wdTagging' ? 'tags' : 'text',
        ]);
        const state = stateOfEntry(entry);
        expect(state).toMatchObject({ state: 'succeeded', outputs: [] });
        expect('texts' in state && state.texts).toEqual([
          { nodeId: 'text', text: expect.stringMatching(/\S/) as string },
        ]);
      }
    });
  });

  it('refuse words where the task takes none, as the real node does', async () => {
    await withSimulator({}, async ({ run, dataDir }) => {
      await mkdir(join(dataDir, 'input'), { recursive: true });
      await writeFile(join(dataDir, 'input', 'a.png'), await encodePng(createBitmap(32, 32)));
      const graph = graphOf(GENERATIONS[1] as PictureText);
      Object.assign(graph['described']?.inputs ?? {}, { text_input: 'be brief' });
      const [event, data] = (await run(graph)).status.messages.at(-1);
      expect([event, data.exception_type]).toEqual(['execution_error', 'ValueError']);
    });
  });

  it('are not there when the simulator is told to be a stock ComfyUI', async () => {
    const classes = async (customNodes: boolean): Promise<string[]> => {
      let names: string[] = [];
      await withSimulator({ customNodes }, async ({ url }) => {
        names = Object.keys(await objectInfoOf(url));
      });
      return names;
    };
    const [stock, all] = [await classes(false), await classes(true)];
    expect(all.filter((name) => !stock.includes(name)).sort()).toEqual([
      ...['DownloadAndLoadFlorence2Model', 'Florence2Run', 'OutputEmbedding'],
      ...['WD14Tagger|pysssss', 'smZ CLIPTextEncode'],
    ]);
  });
});
