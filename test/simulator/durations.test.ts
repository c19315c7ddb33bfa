import { describe, expect, it } from 'vitest';
import { post, textToImage, withSimulator, type Json } from './simulator-session.ts';

/** Milliseconds between the start and the end that history tells. */
const lasted = (entry: Json): number => {
  const times = (entry.status.messages as [string, { timestamp: number }][]).map(
    ([, { timestamp }]) => timestamp,
  );
  return (times.at(-1) ?? 0) - (times[0] ?? 0);
};

// A timer may fire a millisecond early by the clock that history uses.
const EARLY_MS = 5;

describe('how long things take', () => {
  it('waits a step time for every sampler step', async () => {
    await withSimulator({ stepMs: 50 }, async ({ run }) => {
      expect(lasted(await run(textToImage({ steps: 6 })))).toBeGreaterThanOrEqual(300 - EARLY_MS);
    });
  });

  it('loads a model file when it is first used, and again after it was unloaded', async () => {
    await withSimulator({ modelLoadMs: 300 }, async ({ run, url }) => {
      // Checkpoint and LoRA.
      expect(lasted(await run(textToImage()))).toBeGreaterThanOrEqual(600 - EARLY_MS);
      // The nodes are no longer cached, the files are still loaded: as fast as without a load time.
      await run({ a: { class_type: 'EmptyLatentImage', inputs: latent }, b: preview });
      const again = lasted(await run(textToImage({ seed: 2 })));
      await post(`${url}/free`, { unload_models: true, free_memory: true });
      const unloaded = lasted(await run(textToImage({ seed: 3 })));
      expect(unloaded).toBeGreaterThanOrEqual(600 - EARLY_MS);
      expect(again).toBeLessThan(unloaded);
    });
  });
});

const latent = { width: 64, height: 64, batch_size: 1 };
const preview = { class_type: 'PreviewAny', inputs: { source: ['a', 0] } };
