/** `npm run docs`: writes what is generated from the code into README.md, docs/metrics.md, .env.example and openapi.json. */
import { readFile, writeFile } from 'node:fs/promises';
import { openApiText } from '../commands/operate.ts';
import { envExample, variablesTable } from '../config-docs.ts';
import { loadConfig } from '../config.ts';
import { metricsTable } from '../metrics-docs.ts';

const root = new URL('../../', import.meta.url);
/** Writes the part of a page between `<!-- name -->` and `<!-- /name -->`. */
async function writePart(page: string, name: string, part: string): Promise<void> {
  const file = new URL(page, root);
  const marked = new RegExp(`(<!-- ${name} -->\\n)[\\s\\S]*?(<!-- /${name} -->)`);
  const text = await readFile(file, 'utf8');
  await writeFile(
    file,
    text.replace(marked, (_all, start: string, end: string) => `${start}\n${part}\n\n${end}`),
  );
}

await writePart('README.md', 'variables', variablesTable());
await writePart('docs/metrics.md', 'metrics', metricsTable());
await writeFile(new URL('.env.example', root), envExample());
await writeFile(new URL('openapi.json', root), openApiText(loadConfig({})));
