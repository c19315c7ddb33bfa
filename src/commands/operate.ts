/** Short commands of an operator: migrate, keys, openapi. */
import { writeFile } from 'node:fs/promises';
import type { Config } from '../config.ts';
import { createKeyStore } from '../db/keys.ts';
import { migrate } from '../db/migrate.ts';
import { createResourceStore } from '../db/resources.ts';
import { seedCatalogue } from '../db/seed-catalogue.ts';
import { OrchestratorError } from '../errors.ts';
import { createApp } from '../api/app.ts';
import type { ApiDeps } from '../api/deps.ts';
import { openApiDocument } from '../api/openapi.ts';
import { silentLogger } from '../telemetry.ts';
import { withDatabase } from './with-database.ts';

type Print = (line: string) => void;

/** Brings the schema up to date and says what was applied. */
export const runMigrate = (config: Config, print: Print): Promise<void> =>
  withDatabase(config, async (sql) => {
    const applied = await migrate(sql);
    print(applied.length === 0 ? 'The schema is up to date.' : `Applied ${applied.join(', ')}.`);
  });

/** Makes a key and prints it: the only time it is shown. */
export const runKeysCreate = (
  config: Config,
  print: Print,
  options: {
    readonly tenant: string;
    readonly name: string;
    readonly catalogue: boolean;
    readonly operator: boolean;
  },
): Promise<void> =>
  withDatabase(config, async (sql) => {
    await migrate(sql);
    const { tenant, name, operator } = options;
    const { key, info } = await createKeyStore(sql).createKey(tenant, name, operator);
    if (options.catalogue) await seedCatalogue(createResourceStore(sql), options.tenant);
    print(
      `Key ${info.id} of tenant ${info.tenant}${operator ? ', an operator' : ''}. It is shown this once, keep it:`,
    );
    print(key);
  });

/** Lists keys by id, tenant, name and first characters. */
export const runKeysList = (config: Config, print: Print): Promise<void> =>
  withDatabase(config, async (sql) => {
    await migrate(sql);
    const keys = await createKeyStore(sql).listKeys();
    if (keys.length === 0)
      print('There are no keys. Make one: npm run keys -- create --tenant NAME');
    for (const key of keys)
      print(
        [
          key.id,
          key.tenant,
          key.name,
          `${key.hint}…`,
          ...(key.operator ? ['operator'] : []),
          key.revokedAt ? 'revoked' : 'active',
        ].join('  '),
      );
  });

/** Revokes a key. Throws `not_found` for an unknown id. */
export const runKeysRevoke = (config: Config, print: Print, id: string): Promise<void> =>
  withDatabase(config, async (sql) => {
    await migrate(sql);
    if (!(await createKeyStore(sql).revokeKey(id)))
      throw new OrchestratorError(
        'not_found',
        `There is no key ${id}. List them: npm run keys -- list`,
      );
    print(`Revoked ${id}; running servers refuse it within seconds.`);
  });

/** The OpenAPI document as committed: made from the routes alone, nothing is connected. */
export function openApiText(config: Config): string {
  const deps = { config, logger: silentLogger } as unknown as ApiDeps;
  return `${JSON.stringify(openApiDocument(createApp(deps)), null, 2)}\n`;
}

/** Writes the OpenAPI document. */
export async function runOpenApi(config: Config, print: Print, file: string): Promise<void> {
  await writeFile(file, openApiText(config));
  print(`Wrote ${file}.`);
}
