/** A ComfyUI prompt in API format. */
export interface GraphNode {
  readonly class_type: string;
  readonly inputs: Record<string, unknown>;
  readonly _meta?: { readonly title?: string };
}
export type Graph = Record<string, GraphNode>;

/** An output of another node, as inputs hold it. */
type NodeLink = readonly [nodeId: string, slot: number];

export const isLink = (value: unknown): value is NodeLink =>
  Array.isArray(value) &&
  value.length === 2 &&
  typeof value[0] === 'string' &&
  typeof value[1] === 'number';
