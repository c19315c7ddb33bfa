/** A ComfyUI prompt in API format. */
export interface GraphNode {
  readonly class_type: string;
  readonly inputs: Record<string, unknown>;
  readonly _meta?: { readonly title?: string };
}
export type Graph = Record<string, GraphNode>;
