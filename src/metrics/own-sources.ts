import type { GaugeReading } from '../domain/metric-catalogue.ts';
import type { BlobStore, Metrics } from '../ports.ts';

/** Adds the free space where this process keeps blobs. */
export function addStorageSource(
  metrics: Metrics,
  storage: Pick<BlobStore, 'freeBytes'>,
  minFreeBytes: number,
): void {
  metrics.addSource('storage', async () => {
    const free = await storage.freeBytes();
    const least: GaugeReading = { metric: 'storageLeast', labels: {}, value: minFreeBytes };
    return free === undefined
      ? [least]
      : [{ metric: 'storageFree', labels: {}, value: free }, least];
  });
}

/** Adds what `/ready` says of each dependency. */
export function addReadinessSource(
  metrics: Metrics,
  ready: () => Promise<Readonly<Record<string, { readonly state: string }>>>,
): void {
  metrics.addSource('dependencies', async () =>
    Object.entries(await ready()).map(([dependency, { state }]) => ({
      metric: 'dependencyUp',
      labels: { dependency },
      value: Number(state === 'ok'),
    })),
  );
}
