/** `npm run docs`: writes what is generated from the code into README.md, .env.example and openapi.json. */
import { readFile, writeFile } from 'node:fs/promises';
import { openApiText } from '../commands/operate.ts';
import { envExample, variablesTable } from '../config-docs.ts';
import { loadConfig } from '../config.ts';

const root = new URL('../../', import.meta.url);
const readme = new URL('README.md', root);
const marked = /(<!-- variables -->\n)[\s\S]*?(<!-- \/variables -->)/;

const text = await readFile(readme, 'utf8');
await writeFile(
  readme,
  text.replace(
    marked,
    (_all, start: string, end: string) => `${start}\n${variablesTable()}\n\n${end}`,
  ),
);
await writeFile(new URL('.env.example', root), envExample());
await writeFile(new URL('openapi.json', root), openApiText(loadConfig({})));
