/**
 * `npx tsx test/support/record-ecosystems.ts [http://127.0.0.1:8188]`
 * Writes the example graphs in assets/graphs and, from the `/object_info` of a real ComfyUI at that address, the
 * definitions of the node classes they use in test/fixtures/object-info.json. Run by hand when an ecosystem changes.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { buildGraph } from '../../src/ecosystems/index.ts';
import { CUSTOM_NODE_PACKS } from '../../src/ecosystems/node-packs.ts';
import { nodeClassesOf } from '../../src/ecosystems/node-classes.ts';
import { EXAMPLE_PREFIX, EXAMPLES } from '../fixtures/generations.ts';

type Spec = readonly [string | readonly unknown[], Readonly<Record<string, unknown>>?];
type Specs = Readonly<Record<string, Spec>>;
interface Definition {
  readonly input: { readonly required?: Specs; readonly optional?: Specs };
  readonly output: readonly string[];
  readonly output_node: boolean;
}

const root = new URL('../../', import.meta.url);
const FIXTURE = new URL('test/fixtures/object-info.json', root);
const LISTED_FILE = /\.(?:safetensors|sft|ckpt|pt|pth|bin|gguf|png|jpe?g|webp)$/i;
const BUILT_IN_VAE = /^(?:taesd|taesdxl|taesd3|taef1|pixel_space)$/;

/** Choices stay unless they are files of that server. */
const trimmedType = (type: Spec[0]): Spec[0] =>
  typeof type !== 'string' &&
  type.every((choice) => LISTED_FILE.test(String(choice)) || BUILT_IN_VAE.test(String(choice)))
    ? []
    : type;

const trimmedSpecs = (specs: Specs): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(specs).map(([input, [type, options = {}]]) => [
      input,
      [
        trimmedType(type),
        {
          ...Object.fromEntries(
            ['default', 'min', 'max'].flatMap((name) =>
              typeof options[name] === 'number' || typeof options[name] === 'string'
                ? [[name, options[name]]]
                : [],
            ),
          ),
          // Newer node classes say COMBO and hold the choices here.
          ...(Array.isArray(options['options'])
            ? { options: trimmedType(options['options'] as unknown[]) }
            : {}),
        },
      ],
    ]),
  );

const trimmed = ({ input, output, output_node }: Definition): unknown => ({
  input: {
    required: trimmedSpecs(input.required ?? {}),
    ...(input.optional === undefined ? {} : { optional: trimmedSpecs(input.optional) }),
  },
  output,
  output_node,
});

const get = async <T>(url: string): Promise<T> => {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`GET ${url} answered ${response.status}`);
  return (await response.json()) as T;
};

const graphs = EXAMPLES.map(([name, { generation, files }]) => ({
  name,
  graph: buildGraph(generation, files, EXAMPLE_PREFIX),
}));
for (const { name, graph } of graphs)
  await writeFile(
    new URL(`assets/graphs/${name}.json`, root),
    `${JSON.stringify(graph, null, 2)}\n`,
  );

const [server] = process.argv.slice(2);
if (server !== undefined) {
  const all = await get<Record<string, Definition>>(`${server}/object_info`);
  const stats = await get<{ system: { comfyui_version: string } }>(`${server}/system_stats`);
  const used = new Set(graphs.flatMap(({ graph }) => nodeClassesOf(graph)));
  const names = [...used].filter((name) => !Object.hasOwn(CUSTOM_NODE_PACKS, name)).sort();
  const { recorded } = JSON.parse(await readFile(FIXTURE, 'utf8')) as { recorded: string };
  const classes = Object.fromEntries(
    names.map((name) => {
      const definition = all[name];
      if (definition === undefined) throw new Error(`${server} has no node class ${name}`);
      return [name, trimmed(definition)];
    }),
  );
  const fixture = { comfyuiVersion: stats.system.comfyui_version, recorded, classes };
  // JSON.parse rounds 2^64 - 1, the largest seed.
  const text = JSON.stringify(fixture, null, 1).replaceAll(`${2 ** 64}`, `${2n ** 64n - 1n}`);
  await writeFile(FIXTURE, `${text}\n`);
}
