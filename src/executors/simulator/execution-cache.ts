import type { NodeValue } from './nodes/values.ts';

export interface CachedNode {
  readonly outputs: readonly NodeValue[];
  readonly ui: Record<string, unknown[]> | undefined;
}

export interface ExecutionCache {
  find(signature: string | undefined): CachedNode | undefined;
  put(signature: string, node: CachedNode): void;
  /** Drops what the prompt about to run does not use: the cache spans two prompts in a row, no more. */
  keepOnly(signatures: Iterable<string>): void;
  clear(): void;
}

/** Results of the previous prompt by node signature. */
export const createExecutionCache = (): ExecutionCache => {
  const nodes = new Map<string, CachedNode>();
  return {
    find: (signature) => (signature === undefined ? undefined : nodes.get(signature)),
    put: (signature, node) => {
      nodes.set(signature, node);
    },
    keepOnly: (signatures) => {
      const used = new Set(signatures);
      for (const signature of nodes.keys()) if (!used.has(signature)) nodes.delete(signature);
    },
    clear: () => {
      nodes.clear();
    },
  };
};
