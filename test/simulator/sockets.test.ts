import { describe, expect, it } from 'vitest';
import { listen, post, textToImage, until, withSimulator } from './simulator-session.ts';

const ended = (frames: readonly { type: string; data: { node?: unknown } }[]) =>
  until(() => frames.find((frame) => frame.type === 'executing' && frame.data.node === null));

describe('the WebSocket', () => {
  it('mints an id for a client without one, and serves /api/ws', async () => {
    await withSimulator({}, async ({ simulator }) => {
      const listener = await listen(simulator);
      expect(listener.frames[0]?.data.sid).toMatch(/^[0-9a-f]{32}$/);
      await listener.close();
      const twin = await listen(
        { ...simulator, wsUrl: simulator.wsUrl.replace('/ws', '/api/ws') },
        'a',
      );
      expect(twin.frames[0]?.data.sid).toBe('a');
      await twin.close();
    });
  });

  it('broadcasts progress but no start, node or end of a prompt without client_id', async () => {
    const options = { unthrottledProgress: true, previewMethod: 'none' };
    await withSimulator(options, async ({ simulator, run }) => {
      const listener = await listen(simulator, 'me');
      await run(textToImage());
      await run(textToImage({ seed: 2 }), { client_id: 'other' });
      await until(() =>
        listener.types().filter((t) => t === 'status').length >= 7 ? 1 : undefined,
      );
      expect(new Set(listener.types())).toEqual(new Set(['status', 'progress_state', 'progress']));
      expect(listener.types().filter((type) => type === 'progress')).toHaveLength(4);
      await listener.close();
    });
  });

  it('broadcasts the interruption of a prompt without client_id', async () => {
    await withSimulator({ stepMs: 2 }, async ({ simulator, url, submit, finished }) => {
      const listener = await listen(simulator, 'me');
      const id = await submit(textToImage({ steps: 1000 }));
      await until(() => listener.frames.find((frame) => frame.type === 'progress'));
      await post(`${url}/interrupt`, {});
      await finished(id);
      await until(() => listener.frames.find((frame) => frame.type === 'execution_interrupted'));
      await listener.close();
    });
  });

  it('tells a client that comes back which node runs, without a prompt id', async () => {
    await withSimulator({ stepMs: 2 }, async ({ simulator, url, submit, finished }) => {
      const first = await listen(simulator, 'me');
      const id = await submit(textToImage({ steps: 1000 }), { client_id: 'me' });
      await until(() => first.frames.find((frame) => frame.type === 'progress'));
      await first.close();
      const second = await listen(simulator, 'me');
      await until(() => second.frames.find((frame) => frame.type === 'executing'));
      expect(second.frames[1]).toEqual({ type: 'executing', data: { node: '5' } });
      await post(`${url}/interrupt`, { prompt_id: id });
      await finished(id);
      await ended(second.frames);
      await second.close();
    });
  });

  it('orphans a newer socket when the older one of the same id closes', async () => {
    await withSimulator({}, async ({ simulator, run }) => {
      const first = await listen(simulator, 'me');
      const second = await listen(simulator, 'me');
      await first.close();
      const witness = await listen(simulator, 'witness');
      await run(textToImage(), { client_id: 'me' });
      await until(() =>
        witness.types().filter((t) => t === 'status').length >= 4 ? 1 : undefined,
      );
      expect(second.types()).toEqual(['status']);
      await second.close();
      await witness.close();
    });
  });

  it.each([
    ['4 to a connection that asked for metadata', true, 'binary 4'],
    ['1 to one that did not', false, 'binary 1'],
  ])('sends previews as event %s', async (_name, negotiate, event) => {
    await withSimulator({ stepMs: 30 }, async ({ simulator, submit }) => {
      const listener = await listen(simulator, 'me');
      listener.send('not json');
      if (negotiate) {
        listener.send({ type: 'feature_flags', data: { supports_preview_metadata: true } });
        await until(() => listener.frames.find((frame) => frame.type === 'feature_flags'));
      }
      const id = await submit(textToImage({ steps: 8, width: 512, height: 256 }), {
        client_id: 'me',
      });
      await ended(listener.frames);
      const previews = listener.frames.filter((frame) => frame.binary);
      expect(previews.length).toBeGreaterThan(0);
      expect(new Set(previews.map((frame) => frame.type))).toEqual(new Set([event]));
      const frame = previews[0]?.binary ?? Buffer.alloc(0);
      const jsonSize = frame.readUInt32BE(4);
      if (negotiate) {
        expect(JSON.parse(frame.toString('utf8', 8, 8 + jsonSize))).toEqual({
          node_id: '5',
          prompt_id: id,
          display_node_id: '5',
          parent_node_id: null,
          real_node_id: '5',
          image_type: 'image/jpeg',
        });
      } else expect(jsonSize).toBe(1);
      expect(frame.readUInt16BE(negotiate ? 8 + jsonSize : 8)).toBe(0xffd8);
      const at = listener.frames.findIndex((entry) => entry.binary);
      expect(listener.frames[at + (negotiate ? 1 : -1)]?.type).toBe('progress');
      await listener.close();
    });
  });

  it('sends no previews when the prompt turns them off', async () => {
    await withSimulator({ stepMs: 30 }, async ({ simulator, submit }) => {
      const listener = await listen(simulator, 'me');
      await submit(textToImage({ steps: 8 }), {
        client_id: 'me',
        extra_data: { preview_method: 'none' },
      });
      await ended(listener.frames);
      expect(listener.frames.filter((frame) => frame.binary)).toEqual([]);
      await listener.close();
    });
  });
});
