import { createKeyStore } from '../../src/db/keys.ts';
import { createResourceStore } from '../../src/db/resources.ts';
import { seedCatalogue } from '../../src/db/seed-catalogue.ts';
import { startTestStack, type TestStack } from './stack.ts';

/** Where a client goes, and what it shows there. */
export interface ClientAccess {
  readonly url: string;
  readonly key: string;
}

export interface ClientStack extends TestStack {
  readonly access: Readonly<Record<'open' | 'keys', ClientAccess>>;
}

const TENANT = 'sdk';

/** One stack with two APIs: one that asks for no key, and one that knows only the tenant `sdk`. */
export async function startClientStack(
  env: Readonly<Record<string, string>> = {},
): Promise<ClientStack> {
  const stack = await startTestStack({ env });
  const [keyed, { key }] = await Promise.all([
    stack.serve('api', { AUTH: 'keys' }),
    createKeyStore(stack.sql).createKey(TENANT, 'official clients', { operator: true }),
    seedCatalogue(createResourceStore(stack.sql), TENANT),
  ]);
  return {
    ...stack,
    access: { open: { url: stack.url, key: 'anything' }, keys: { url: keyed.url ?? '', key } },
  };
}
