import { EXAMPLE_GENERATIONS, type ExampleName } from '../test/fixtures/generations.ts';
import type { TextToImage } from '../src/domain/generation.ts';
import { buildGraph } from '../src/ecosystems/index.ts';
import type { ListedFiles } from '../src/ecosystems/look-up-file.ts';
import { resolveFiles } from '../src/ecosystems/resolve-files.ts';
import type { Scenario } from './scenario.ts';
import { median } from './statistics.ts';

const LORAS = [1, 2, 3].map((version) => ({
  air: `urn:air:sd1:lora:civitai:82098@${version}`,
  strength: 0.8,
}));

interface Case {
  readonly what: string;
  readonly generation: TextToImage;
}

const plain = (name: ExampleName): TextToImage => ({
  ...EXAMPLE_GENERATIONS[name].generation,
  clipSkip: 1,
  networks: [],
});

const CASES: readonly Case[] = [
  { what: 'SD1', generation: plain('sd1-text-to-image') },
  {
    what: 'SD1 with 3 LoRAs',
    generation: { ...plain('sd1-text-to-image'), networks: LORAS },
  },
  { what: 'SDXL', generation: plain('sdxl-text-to-image') },
  { what: 'Flux', generation: plain('flux1-text-to-image') },
  { what: 'Flux, bare model', generation: plain('flux1-text-to-image-diffusion-model') },
];

const OTHER_FILES = 500;
const PREFIX = 'orchestrator/37d9d863-7928-41c1-bc83-626c00995137/r1a1';

const fileOf = (air: string): string => `${air.split('@').at(-1) ?? air}.safetensors`;

/** A well-filled server; the wanted files are the last of their folders. */
function listsFor({ model, networks }: TextToImage): ListedFiles {
  const others = Array.from({ length: OTHER_FILES }, (_, index) => `other/${index}x.safetensors`);
  const models = [...others, fileOf(model)];
  const bare = model.includes(':unet:');
  return {
    checkpoints: bare ? others : models,
    ...(bare ? { diffusion_models: models } : {}),
    loras: [...others, ...networks.map(({ air }) => fileOf(air))],
    text_encoders: ['clip_l.safetensors', 't5xxl_fp16.safetensors'],
    vae: ['ae.safetensors'],
  };
}

/** Microseconds of one call: the median of rounds, after a warm-up. */
function microseconds(call: () => unknown, rounds: number): number {
  const CALLS = 500;
  const round = (): number => {
    const startedAt = performance.now();
    for (let index = 0; index < CALLS; index += 1) call();
    return ((performance.now() - startedAt) * 1_000) / CALLS;
  };
  for (let index = 0; index < 5; index += 1) round();
  return median(Array.from({ length: rounds }, round));
}

/** The computing of prepare, in this process: without its queries and its write. */
export const graphBuilding: Scenario = {
  name: 'graphs',
  about: 'building the graph of a job, by ecosystem, in microseconds',
  run({ quick, say }) {
    const rounds = quick ? 3 : 40;
    say(`graphs: ${CASES.length} kinds of job`);
    const figures = CASES.flatMap(({ what, generation }) => {
      const listed = listsFor(generation);
      const resolve = () => resolveFiles(generation, fileOf, listed).files;
      const files = resolve();
      if (!files) throw new Error(`${what}: the files are not in the lists of this scenario`);
      const figure = (title: string, call: () => unknown) => ({
        what: title,
        unit: 'µs',
        ours: microseconds(call, rounds),
      });
      return [
        figure(`graph of ${what}`, () => buildGraph(generation, files, PREFIX)),
        {
          ...figure('  with its files looked up, as JSON', () =>
            JSON.stringify(buildGraph(generation, resolve() ?? files, PREFIX)),
          ),
          note: `lists of ${OTHER_FILES} names`,
        },
      ];
    });
    return Promise.resolve(figures);
  },
};
