/**
 * Reads at most once in `keptMs`; calls at the same time share one read. A failed read is not kept: what was read before
 * it counts on, and without any the failure is thrown.
 */
export function createKeptRead<T>(
  read: () => Promise<T>,
  keptMs: number,
  now: () => number,
): () => Promise<T> {
  let kept: { readonly value: T } | undefined;
  let reading: Promise<T> | undefined;
  let readAt = -Infinity;

  const refresh = async (): Promise<T> => {
    try {
      kept = { value: await read() };
      return kept.value;
    } catch (error) {
      if (kept) return kept.value;
      throw error;
    } finally {
      readAt = now();
      reading = undefined;
    }
  };

  return async () => {
    if (kept && now() - readAt < keptMs) return kept.value;
    return (reading ??= refresh());
  };
}
