import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { compileFunction } from 'node:vm';
import type * as civitai from 'civitai';
import ts from 'typescript';
import { codeBlocks } from '../support/markdown.ts';

const require = createRequire(import.meta.url);

/** The npm package as it is installed; CommonJS, and Node does not see all of its names in an `import`. */
export const officialPackage = require('civitai') as typeof civitai;

/** Code blocks of the README that the npm package `civitai` brings along. */
export async function readOfficialReadme(): Promise<{ js: string[]; json: string[] }> {
  const manifest = require.resolve('civitai/package.json');
  const path = manifest.replace(/package\.json$/, 'README.md');
  const page = { path, text: await readFile(path, 'utf8') };
  return { js: codeBlocks(page, 'js'), json: codeBlocks(page, 'json') };
}

export interface Program {
  readonly baseUrl: string;
  /** Names that the README leaves to its reader. */
  readonly given?: Readonly<Record<string, unknown>>;
  /** Blocks, word for word, in this order. */
  readonly blocks: readonly string[];
  /** The name whose value is wanted. */
  readonly result: string;
}

/**
 * Runs blocks of the README as one program, compiled by TypeScript as for a CommonJS package; one block has a type.
 * The base URL is set after the block that makes the client, which is the one change that another server needs.
 */
export async function runProgram({ baseUrl, given = {}, blocks, result }: Program) {
  const text = blocks
    .map((block) => (block.includes('new Civitai(') ? `${block}\nsetBaseUrl();` : block))
    .join('\n');
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
  });
  const scope = {
    require,
    exports: {},
    setBaseUrl: () => (officialPackage.OpenAPI.BASE = baseUrl),
    ...given,
  };
  const program = compileFunction(
    `return (async () => { ${outputText}\nreturn ${result}; })();`,
    Object.keys(scope),
  ) as (...values: unknown[]) => Promise<unknown>;
  return program(...Object.values(scope));
}
