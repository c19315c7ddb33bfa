import { encodeJpeg } from './picture/encode-jpeg.ts';
import type { Bitmap } from './picture/bitmap.ts';
import type { SocketHub } from './socket-hub.ts';

interface NodeProgress {
  value: number;
  max: number;
  state: 'running' | 'finished';
}

export interface ProgressReporter {
  start(nodeId: string): void;
  update(nodeId: string, value: number, max: number, preview?: () => Bitmap): void;
  finish(nodeId: string): void;
}

export interface ProgressOptions {
  readonly promptId: string;
  readonly clientId: string | undefined;
  /** Every update, as ComfyUI before 0.4 did; otherwise at most ten a second, plus the first and the last. */
  readonly unthrottled: boolean;
  readonly previews: boolean;
}

const INTERVAL_MS = 100;
const MIN_CHANGE = 0.005;
/** As the original saves its previews. */
const PREVIEW_QUALITY = 95;

/** Sends progress_state, progress and previews of one prompt in the original's order and rhythm. */
export const createProgressReporter = (
  hub: SocketHub,
  options: ProgressOptions,
): ProgressReporter => {
  const { promptId, clientId } = options;
  const nodes = new Map<string, NodeProgress>();
  let sent = { at: 0, value: -1, node: '' };
  let previewAt = performance.now();

  const sendState = (): void => {
    if (!hub.hasListener(clientId)) return;
    const states = Object.fromEntries(
      [...nodes].map(([id, { value, max, state }]) => [
        id,
        {
          value,
          max,
          state,
          node_id: id,
          prompt_id: promptId,
          display_node_id: id,
          parent_node_id: null,
          real_node_id: id,
        },
      ]),
    );
    hub.send('progress_state', { prompt_id: promptId, nodes: states }, clientId);
  };

  const due = (nodeId: string, value: number, max: number, hasPreview: boolean): boolean => {
    if (options.unthrottled || hasPreview || value >= max || sent.node !== nodeId) return true;
    return performance.now() - sent.at >= INTERVAL_MS && (value - sent.value) / max >= MIN_CHANGE;
  };

  const makePreview = (draw: (() => Bitmap) | undefined): Bitmap | undefined => {
    if (!draw || !options.previews || !hub.hasListener(clientId)) return undefined;
    if (performance.now() - previewAt < INTERVAL_MS) return undefined;
    previewAt = performance.now();
    return draw();
  };

  return {
    start: (nodeId) => {
      nodes.set(nodeId, { value: 0, max: 1, state: 'running' });
      sendState();
    },
    update: (nodeId, value, max, draw) => {
      nodes.set(nodeId, { value, max, state: 'running' });
      const bitmap = makePreview(draw);
      if (!due(nodeId, value, max, bitmap !== undefined)) return;
      sent = { at: performance.now(), value, node: nodeId };
      const jpeg = bitmap && encodeJpeg(bitmap, PREVIEW_QUALITY);
      const metadata = {
        node_id: nodeId,
        prompt_id: promptId,
        display_node_id: nodeId,
        parent_node_id: null,
        real_node_id: nodeId,
      };
      sendState();
      if (jpeg) hub.sendPreview(jpeg, metadata, clientId, false);
      hub.send('progress', { value, max, prompt_id: promptId, node: nodeId }, clientId);
      if (jpeg) hub.sendPreview(jpeg, metadata, clientId, true);
    },
    finish: (nodeId) => {
      const max = nodes.get(nodeId)?.max ?? 1;
      nodes.set(nodeId, { value: max, max, state: 'finished' });
      sendState();
    },
  };
};
