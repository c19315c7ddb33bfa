import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

export interface Page {
  /** Path below the repository. */
  readonly path: string;
  readonly text: string;
}

/** A page of the repository. */
export const readPage = async (path: string): Promise<Page> => ({
  path,
  text: await readFile(join(REPOSITORY, path), 'utf8'),
});

/** Every markdown page that people read: at the root and in docs/. */
export async function listPages(): Promise<Page[]> {
  const root = (await readdir(REPOSITORY)).filter((name) => name.endsWith('.md'));
  const docs = (await readdir(join(REPOSITORY, 'docs'))).filter((name) => name.endsWith('.md'));
  return Promise.all([...root, ...docs.map((name) => join('docs', name))].map(readPage));
}

/** The contents of the page's code blocks of that language, in order. */
export const codeBlocks = ({ text }: Page, language: string): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(
    (match) => match[1] ?? '',
  );

/** Targets of links and pictures that lead to a file of the repository, without their fragment. */
export const relativeLinks = ({ text }: Page): string[] =>
  [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1] ?? '')
    .filter((target) => !/^([a-z]+:|#)/.test(target))
    .map((target) => target.replace(/#.*$/, ''));
