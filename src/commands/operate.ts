/** Short commands of an operator: migrate, openapi. */
import { writeFile } from 'node:fs/promises';
import type { Config } from '../config.ts';
import { migrate } from '../db/migrate.ts';
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
