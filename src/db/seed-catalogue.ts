import { SAMPLE_MODELS } from '../domain/sample-models.ts';
import type { ResourceStore } from './resources.ts';

/** Puts the sample models into a tenant's catalogue when it is empty; returns how many were put. */
export async function seedCatalogue(store: ResourceStore, tenant: string): Promise<number> {
  return store.seedResources(
    tenant,
    SAMPLE_MODELS.map(({ air, modelName, type, description, tags }) => ({
      air,
      modelName,
      type,
      details: { description, tags, nsfw: false, allowCommercialUse: 'Sell' },
    })),
  );
}
