/** The graphs of every ecosystem and operation run on the simulator, and what goes in shows in what comes out. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { finishedSize } from '../../src/domain/picture-size.ts';
import type { TextToImage } from '../../src/domain/generation.ts';
import type { Graph } from '../../src/domain/graphs/graph.ts';
import { FILE_INPUTS } from '../../src/executors/simulator/graph/file-choices.ts';
import {
  createBitmap,
  type Bitmap,
  type Rgb,
} from '../../src/executors/simulator/picture/bitmap.ts';
import { decodePng } from '../../src/executors/simulator/picture/decode-png.ts';
import { encodePng } from '../../src/executors/simulator/picture/encode-png.ts';
import { CUSTOM_NODE_PACKS } from '../../src/ecosystems/node-packs.ts';
import { buildGraph } from '../../src/ecosystems/index.ts';
import { EXAMPLE_GENERATIONS, EXAMPLES, type ExampleName } from '../fixtures/generations.ts';
import { withSimulator, type Session } from './simulator-session.ts';

const WIDTH = 128;
const HEIGHT = 96;

const exampleOf = (name: ExampleName, change: Partial<TextToImage> = {}): TextToImage => ({
  ...EXAMPLE_GENERATIONS[name].generation,
  ...{ width: WIDTH, height: HEIGHT, steps: 2 },
  ...change,
});
const graphOf = (name: ExampleName, change: Partial<TextToImage> = {}): Graph =>
  buildGraph(exampleOf(name, change), EXAMPLE_GENERATIONS[name].files, 'examples/one');

/** Model files that these graphs name, as a server lists them. */
const modelsOf = (graphs: readonly Graph[]): Record<string, string[]> => {
  const models: Record<string, string[]> = { embeddings: ['EasyNegative.safetensors'] };
  for (const { class_type, inputs } of graphs.flatMap((graph) => Object.values(graph)))
    for (const [input, folder] of Object.entries(FILE_INPUTS[class_type] ?? {}))
      if (!folder.startsWith('input:')) (models[folder] ??= []).push(String(inputs[input]));
  return models;
};

/** A picture, left half one colour and right half another. */
const halves = (left: Rgb, right: Rgb): Bitmap => {
  const bitmap = createBitmap(WIDTH, HEIGHT, left);
  for (let at = 0; at < WIDTH * HEIGHT; at++)
    if (at % WIDTH >= WIDTH / 2) bitmap.data.set(right, at * 3);
  return bitmap;
};
const RED: Rgb = [255, 0, 0];
const BLUE: Rgb = [0, 0, 255];

/** Puts the examples' input files where the graphs look for them. */
const writeInputs = async (dataDir: string, source: Bitmap): Promise<void> => {
  const folder = join(dataDir, 'input', 'orchestrator');
  await mkdir(folder, { recursive: true });
  const picture = await encodePng(source);
  for (const name of ['source', '0', '1']) await writeFile(join(folder, `${name}.png`), picture);
  await writeFile(join(folder, 'mask.png'), await encodePng(halves([0, 0, 0], [255, 255, 255])));
};

type Pixels = ReturnType<typeof decodePng>;

const drawnBy = async ({ run, image }: Session, graph: Graph): Promise<Pixels> => {
  const entry = await run(graph);
  expect(entry.status.messages.at(-1)).toMatchObject(['execution_success', {}]);
  return decodePng(await image(entry, 'save'));
};
/** Above the caption. */
const pixelAt = ({ width, data }: Pixels, x: number, y: number): number[] => [
  ...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3),
];

const RUNNABLE = EXAMPLES.map(([name]) => name).filter(
  (name) =>
    !Object.values(graphOf(name)).some(({ class_type }) =>
      Object.hasOwn(CUSTOM_NODE_PACKS, class_type),
    ),
);

describe('the example graphs', () => {
  it('are drawn, in the size they ask for', async () => {
    const graphs = RUNNABLE.map((name) => graphOf(name));
    await withSimulator({ models: modelsOf(graphs) }, async (session) => {
      await writeInputs(session.dataDir, halves(RED, BLUE));
      for (const [index, name] of RUNNABLE.entries()) {
        const { width, height } = await drawnBy(session, graphs[index] ?? {});
        expect({ width, height }, name).toEqual(finishedSize(exampleOf(name)));
      }
    });
    expect(RUNNABLE.length).toBeGreaterThan(15);
  });

  it('depend on the pictures they are given', async () => {
    const names = ['sd1-image-to-image', 'sdxl-control-nets', 'sd1-inpaint'] as const;
    await withSimulator(
      { models: modelsOf(names.map((name) => graphOf(name))) },
      async (session) => {
        const seen = new Set<string>();
        // The shape of the second differs, or there would be no other edges.
        const pictures = [halves(RED, BLUE), createBitmap(WIDTH, HEIGHT, BLUE)];
        for (const picture of pictures) {
          await writeInputs(session.dataDir, picture);
          for (const name of names)
            seen.add((await drawnBy(session, graphOf(name))).data.toString());
        }
        expect(seen.size).toBe(names.length * pictures.length);
      },
    );
  });

  it('of image-to-image stay the nearer to the picture the less is drawn anew', async () => {
    await withSimulator({ models: modelsOf([graphOf('sd1-image-to-image')]) }, async (session) => {
      await writeInputs(session.dataDir, halves(RED, RED));
      const distance = async (denoise: number): Promise<number> => {
        const source = { image: { url: 'https://example.org/a.png' }, denoise };
        const { data } = await drawnBy(session, graphOf('sd1-image-to-image', { source }));
        return data.reduce((sum, value, at) => sum + Math.abs(value - (RED[at % 3] ?? 0)), 0);
      };
      const [little, much] = [await distance(0.2), await distance(0.9)];
      expect(little).toBeLessThan(much);
    });
  });

  it('of inpainting keep every pixel outside the mask', async () => {
    await withSimulator({ models: modelsOf([graphOf('sd1-inpaint')]) }, async (session) => {
      await writeInputs(session.dataDir, halves(RED, RED));
      const picture = await drawnBy(session, graphOf('sd1-inpaint'));
      for (let y = 0; y < HEIGHT; y += 5) expect(pixelAt(picture, 20, y)).toEqual(RED);
      expect(pixelAt(picture, WIDTH - 20, 20)).not.toEqual(RED);
    });
  });
});
