import type { TestStack } from './stack.ts';

/** What to ask for so that the graph has more than 64 KB; stores the LoRAs it names in the catalogue. */
export async function largeGraphRequest({ url }: Pick<TestStack, 'url'>): Promise<{
  readonly params: { readonly prompt: string; readonly negativePrompt: string };
  readonly further: { readonly additionalNetworks: Record<string, object> };
}> {
  const additionalNetworks: Record<string, object> = {};
  for (let version = 1; version <= 50; version += 1) {
    const air = `urn:air:sd1:lora:civitai:770000@${version}`;
    const response = await fetch(`${url}/v2/resources`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        air,
        modelName: `LoRA ${version}`,
        type: 'LORA',
        fileName: 'add-detail.safetensors',
      }),
    });
    if (response.status !== 201)
      throw new Error(`POST /v2/resources: ${response.status} ${await response.text()}`);
    additionalNetworks[air] = { strength: 0.5 };
  }
  return {
    params: { prompt: '灯'.repeat(10_000), negativePrompt: '雾'.repeat(10_000) },
    further: { additionalNetworks },
  };
}
