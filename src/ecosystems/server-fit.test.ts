import { describe, expect, it } from 'vitest';
import type { FleetServer, ServerLists } from '../domain/fleet.ts';
import { needsOf } from '../domain/job-needs.ts';
import { createServerFit } from './server-fit.ts';

const FLUX = 'urn:air:flux1:checkpoint:civitai:1@10001';
const LORA = 'urn:air:flux1:lora:civitai:2@20001';

const serverWith = (lists: ServerLists): FleetServer => ({
  ...{ id: 'a', pool: 'default', room: 2, reachable: true, draining: false },
  ...{ ecosystems: null, vramBytes: null, lists },
});
const needs = needsOf(
  {
    operation: 'textToImage',
    ecosystem: 'flux1',
    model: FLUX,
    networks: [{ air: LORA, strength: 1 }],
    clipSkip: 1,
  },
  {},
);
const WHOLE = { checkpoints: ['10001.safetensors'], loras: ['20001.safetensors'] };
const IN_PARTS = {
  ...{ diffusion_models: ['10001.safetensors'], loras: ['20001.safetensors'] },
  ...{ text_encoders: ['clip_l.safetensors', 't5xxl_fp16.safetensors'], vae: ['ae.safetensors'] },
};

describe('what a server lacks for a job', () => {
  it('are the node classes of the graph for the files as that server has them', () => {
    const nodeClasses = new Set(['CheckpointLoaderSimple']);
    const lacksOf = (files: ServerLists['files']): string =>
      createServerFit()
        .lacks(needs, serverWith({ files, nodeClasses }))
        .map(({ message }) => message)
        .join();
    expect(lacksOf(WHOLE)).toContain('node class LoraLoader');
    expect(lacksOf(WHOLE)).not.toContain('UNETLoader');
    expect(lacksOf(IN_PARTS)).toContain('node class UNETLoader');
  });

  it('is found once per version of its lists, and again when they changed', () => {
    let reads = 0;
    const lists = (files: ServerLists['files']): ServerLists => ({
      files: new Proxy(files, {
        get: (target, name, receiver): unknown => {
          reads += 1;
          return Reflect.get(target, name, receiver);
        },
      }),
      nodeClasses: new Set(),
    });
    const fit = createServerFit();
    const first = serverWith(lists(WHOLE));
    expect(fit.lacks(needs, first)).toEqual([]);
    const read = reads;
    expect(read).toBeGreaterThan(0);
    for (let job = 0; job < 100; job += 1) expect(fit.lacks(needs, { ...first })).toEqual([]);
    expect(reads).toBe(read);
    const { air } = fit.lacks(needs, serverWith(lists({ checkpoints: [] })))[0] ?? {};
    expect(air).toBe(FLUX);
    expect(reads).toBeGreaterThan(read);
  });

  it('is nothing as far as known while it never answered', () => {
    const silent = serverWith({ files: {}, nodeClasses: new Set() });
    const fit = createServerFit();
    expect(fit.lacks(needs, { ...silent, reachable: false })).toEqual([]);
    expect(fit.lacks(needs, silent)).not.toEqual([]);
  });
});
