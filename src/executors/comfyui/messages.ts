import { previewType } from '../../domain/preview.ts';
import type { Preview } from '../../ports.ts';
import { asArray, asNumber, asObject, asString, parseJson, type JsonObject } from './json-read.ts';

interface NodeProgress {
  readonly nodeId: string;
  readonly value: number;
  readonly max: number;
  readonly finished: boolean;
}

/** The text frames that matter here; https://docs.comfy.org/development/comfyui-server/comms_messages */
export type SocketMessage =
  | { readonly type: 'status'; readonly remaining: number }
  | { readonly type: 'cached'; readonly promptId: string; readonly nodes: readonly string[] }
  | { readonly type: 'nodes'; readonly promptId: string; readonly nodes: readonly NodeProgress[] }
  | {
      readonly type: 'progress';
      readonly promptId: string;
      readonly nodeId: string;
      readonly value: number;
      readonly max: number;
    }
  | { readonly type: 'executing'; readonly promptId: string; readonly nodeId: string }
  | { readonly type: 'preview'; readonly promptId: string; readonly preview: Preview }
  /** The run's outcome was announced; its history entry follows. */
  | { readonly type: 'ending'; readonly promptId: string }
  /** The history entry is written. */
  | { readonly type: 'ended'; readonly promptId: string };

const nodesOf = (nodes: unknown): readonly NodeProgress[] =>
  Object.entries(asObject(nodes) ?? {}).flatMap(([nodeId, value]) => {
    const node = asObject(value);
    if (node === undefined) return [];
    return [
      {
        nodeId,
        value: asNumber(node['value']) ?? 0,
        max: asNumber(node['max']) ?? 1,
        finished: node['state'] === 'finished',
      },
    ];
  });

const ofPrompt = (type: string, promptId: string, data: JsonObject): SocketMessage | undefined => {
  switch (type) {
    case 'execution_cached':
      return {
        type: 'cached',
        promptId,
        nodes: asArray(data['nodes']).filter((node) => typeof node === 'string'),
      };
    case 'progress_state':
      return { type: 'nodes', promptId, nodes: nodesOf(data['nodes']) };
    case 'progress': {
      const value = asNumber(data['value']);
      const max = asNumber(data['max']);
      if (value === undefined || max === undefined) return undefined;
      return { type: 'progress', promptId, nodeId: asString(data['node']) ?? '', value, max };
    }
    case 'executing': {
      const nodeId = asString(data['node']);
      return nodeId === undefined
        ? { type: 'ended', promptId }
        : { type: 'executing', promptId, nodeId };
    }
    case 'execution_error':
      // Said of a blocked output while the run goes on: https://github.com/comfyanonymous/ComfyUI/blob/master/execution.py
      return data['exception_type'] === 'ExecutionBlocked'
        ? undefined
        : { type: 'ending', promptId };
    case 'execution_success':
    case 'execution_interrupted':
      return { type: 'ending', promptId };
    default:
      return undefined;
  }
};

/** Reads one text frame; undefined for what is unknown, malformed or of no prompt. Never throws. */
export const parseMessage = (text: string): SocketMessage | undefined => {
  const frame = asObject(parseJson(text));
  const type = asString(frame?.['type']);
  const data = asObject(frame?.['data']);
  if (type === undefined || data === undefined) return undefined;
  if (type === 'status') {
    const info = asObject(asObject(data['status'])?.['exec_info']);
    const remaining = asNumber(info?.['queue_remaining']);
    return remaining === undefined ? undefined : { type: 'status', remaining };
  }
  const promptId = asString(data['prompt_id']);
  return promptId === undefined ? undefined : ofPrompt(type, promptId, data);
};

const PREVIEW_WITH_METADATA = 4;
const HEADER_BYTES = 8;
const METADATA_LIMIT = 64 * 1024;

/**
 * Reads one binary frame: a preview that names its prompt, which is the form that was negotiated; undefined for all
 * else. Never throws. https://docs.comfy.org/development/comfyui-server/comms_messages
 */
export const parsePreview = (frame: Buffer): SocketMessage | undefined => {
  if (frame.length < HEADER_BYTES || frame.readUInt32BE(0) !== PREVIEW_WITH_METADATA)
    return undefined;
  const end = HEADER_BYTES + frame.readUInt32BE(4);
  if (end > Math.min(frame.length, METADATA_LIMIT)) return undefined;
  const metadata = asObject(parseJson(frame.toString('utf8', HEADER_BYTES, end)));
  const promptId = asString(metadata?.['prompt_id']);
  const contentType = previewType(frame.subarray(end));
  if (promptId === undefined || contentType === undefined) return undefined;
  // A copy, so that the frame can go.
  const bytes = Uint8Array.from(frame.subarray(end));
  return { type: 'preview', promptId, preview: { contentType, bytes } };
};
