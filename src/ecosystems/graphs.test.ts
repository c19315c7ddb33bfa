import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { EXAMPLE_GENERATIONS, EXAMPLE_PREFIX, EXAMPLES } from '../../test/fixtures/generations.ts';
import { ECOSYSTEMS } from '../domain/generation.ts';
import { comfySampling, SCHEDULERS } from '../domain/schedulers.ts';
import { fluxSampling } from './flux1.ts';
import { sd3Sampling } from './sd3.ts';
import { buildGraph, ecosystemFor } from './index.ts';
import { nodeClassesOf, requiredNodeClasses } from './node-classes.ts';

interface RecordedClasses {
  readonly comfyuiVersion: string;
  readonly classes: Record<string, RecordedClass>;
}

type InputSpec = readonly [
  string | readonly string[],
  { readonly min?: number; readonly max?: number; readonly options?: readonly string[] },
];

interface RecordedClass {
  readonly input: {
    readonly required: Record<string, InputSpec>;
    readonly optional?: Record<string, InputSpec>;
  };
  readonly output: readonly string[];
  readonly output_node: boolean;
}

const root = new URL('../../', import.meta.url);
const read = async (name: string): Promise<RecordedClasses> =>
  JSON.parse(
    await readFile(new URL(`test/fixtures/${name}.json`, root), 'utf8'),
  ) as RecordedClasses;
const recorded = await read('object-info');
const custom = await read('custom-nodes');

const isLink = (value: unknown): value is [string, number] =>
  Array.isArray(value) && typeof value[0] === 'string' && typeof value[1] === 'number';

const classOf = (name: string): RecordedClass => {
  const found = recorded.classes[name] ?? custom.classes[name];
  if (found === undefined)
    throw new Error(`ComfyUI ${recorded.comfyuiVersion} has no class ${name}`);
  return found;
};

describe.each(EXAMPLES)('the graph of %s', (name, { generation, files }) => {
  const graph = buildGraph(generation, files, EXAMPLE_PREFIX);

  it('has only classes and inputs that a real ComfyUI has, and every required one', () => {
    for (const [nodeId, node] of Object.entries(graph)) {
      const { required, optional } = classOf(node.class_type).input;
      const known = [...Object.keys(required), ...Object.keys(optional ?? {})];
      expect(known, nodeId).toEqual(expect.arrayContaining(Object.keys(node.inputs)));
      expect(Object.keys(node.inputs), nodeId).toEqual(
        expect.arrayContaining(Object.keys(required)),
      );
    }
  });

  it('has links only to nodes and slots of the type that the input takes', () => {
    for (const [nodeId, node] of Object.entries(graph)) {
      const { required, optional } = classOf(node.class_type).input;
      for (const [input, value] of Object.entries(node.inputs)) {
        const [type] = { ...required, ...optional }[input] ?? [undefined];
        if (!isLink(value)) {
          // A combo or a plain value; MODEL, CLIP and the like can only be linked.
          const plain =
            Array.isArray(type) ||
            ['COMBO', 'STRING', 'INT', 'FLOAT', 'BOOLEAN'].includes(String(type));
          expect(plain, `${nodeId}.${input}`).toBe(true);
          continue;
        }
        const source = graph[value[0]];
        expect(source, `${nodeId}.${input}`).toBeDefined();
        expect(classOf(source?.class_type ?? '').output[value[1]], `${nodeId}.${input}`).toBe(type);
      }
    }
  });

  it('has values that ComfyUI accepts', () => {
    for (const [nodeId, node] of Object.entries(graph)) {
      const { required, optional } = classOf(node.class_type).input;
      for (const [input, [type, { min, max, options }]] of Object.entries({
        ...required,
        ...optional,
      })) {
        const value = node.inputs[input];
        if (value === undefined) continue;
        const where = `${nodeId}.${input}`;
        if (type === 'STRING') expect(value, where).toBeTypeOf('string');
        if (type === 'INT') expect(Number.isSafeInteger(value), where).toBe(true);
        if (type === 'INT' || type === 'FLOAT') {
          expect(value, where).toBeGreaterThanOrEqual(min ?? -Infinity);
          expect(value, where).toBeLessThanOrEqual(max ?? Infinity);
        }
        const choices = Array.isArray(type) ? type : (options ?? []);
        if (choices.length > 0) expect(choices, where).toContain(value);
      }
    }
  });

  it('uses every node it has, and one of them saves', () => {
    const used = new Set(
      Object.values(graph).flatMap((node) =>
        Object.values(node.inputs)
          .filter(isLink)
          .map(([id]) => id),
      ),
    );
    const ends = Object.keys(graph).filter((nodeId) => !used.has(nodeId));
    expect(ends).toEqual(['save']);
    expect(classOf(graph['save']?.class_type ?? '').output_node).toBe(true);
    expect(graph['save']?.inputs['filename_prefix']).toBe(EXAMPLE_PREFIX);
  });

  it('is the example graph in assets', async () => {
    const text = await readFile(new URL(`assets/graphs/${name}.json`, root), 'utf8');
    expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(graph)));
  });

  it('has the classes that were announced before its files were known', () => {
    const announced = requiredNodeClasses(generation);
    expect(nodeClassesOf(graph)).toEqual(expect.arrayContaining([...announced]));
    // That a checkpoint lacks its text encoders, and a ControlNet is for all kinds, shows only in the files.
    const shown = /separate-encoders|sdxl-control-nets/.test(name);
    if (!shown) expect(announced).toEqual(nodeClassesOf(graph));
  });

  it('is the same every time', () => {
    expect(JSON.stringify(buildGraph(generation, files, EXAMPLE_PREFIX))).toBe(
      JSON.stringify(graph),
    );
  });
});

it('every scheduler is a sampler and a schedule that a real KSampler has', () => {
  const { sampler_name: samplers, scheduler: schedules } = classOf('KSampler').input.required;
  for (const name of SCHEDULERS) {
    for (const chosen of [comfySampling(name), fluxSampling(name), sd3Sampling(name)]) {
      expect(samplers?.[0], name).toContain(chosen.sampler);
      expect(schedules?.[0], name).toContain(chosen.scheduler);
    }
  }
});

describe('ecosystemFor', () => {
  it('gives the adapter of an ecosystem and of its children', () => {
    for (const name of ECOSYSTEMS) expect(ecosystemFor(name).name).toBe(name);
    expect(ecosystemFor('Pony').name).toBe('sdxl');
  });

  it('refuses others and names the supported ones', () => {
    expect(() => ecosystemFor('wanvideo')).toThrow(
      /"wanvideo" is not supported.*sd1, sdxl, sd3, flux1/,
    );
  });
});

describe('without networks', () => {
  it('a graph has only the nodes it needs', () => {
    const { generation, files } = EXAMPLE_GENERATIONS['sd1-text-to-image'];
    const graph = buildGraph(
      { ...generation, networks: [], clipSkip: 1 },
      { ...files, networks: [] },
      EXAMPLE_PREFIX,
    );
    expect(Object.keys(graph).sort()).toEqual(
      ['checkpoint', 'decode', 'latent', 'negative', 'positive', 'sampler', 'save'].sort(),
    );
  });
});
