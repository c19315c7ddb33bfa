export interface KeptReadOptions {
  readonly keptMs: number;
  /** Until then what was read is given to whoever comes while it is read anew. (Default: keptMs, nobody is) */
  readonly staleMs?: number;
}

/** A read that is slow is repeated less often, so that it takes this part of the time at most. */
const SHARE = 1 / 20;

/**
 * Reads at most once in `keptMs`; calls at the same time share one read. A failed read is not kept: what was read before
 * it counts on, and without any the failure is thrown.
 */
export function createKeptRead<T>(
  read: () => Promise<T>,
  { keptMs, staleMs = keptMs }: KeptReadOptions,
  now: () => number,
): () => Promise<T> {
  let kept: { readonly value: T } | undefined;
  let reading: Promise<T> | undefined;
  let readAt = -Infinity;
  let tookMs = 0;

  const refresh = async (): Promise<T> => {
    const startedAt = now();
    try {
      kept = { value: await read() };
      return kept.value;
    } catch (error) {
      if (kept) return kept.value;
      throw error;
    } finally {
      readAt = now();
      tookMs = readAt - startedAt;
      reading = undefined;
    }
  };

  return async () => {
    const age = now() - readAt;
    const pause = tookMs / SHARE;
    if (kept && age < Math.max(keptMs, pause)) return kept.value;
    reading ??= refresh();
    return kept && age < Math.max(staleMs, 2 * pause) ? kept.value : reading;
  };
}
