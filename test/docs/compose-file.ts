import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

export const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));

export interface ComposeService {
  readonly image: string;
  readonly build?: { readonly context: string };
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly env_file?: readonly { readonly path: string; readonly required?: boolean }[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly profiles?: readonly string[];
  readonly restart?: string;
  readonly stop_grace_period?: string;
  readonly logging?: { readonly options?: Readonly<Record<string, string>> };
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<
    Record<string, { readonly condition: string; readonly required?: boolean }>
  >;
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes?: Readonly<Record<string, unknown>>;
}

const VARIABLE = /\$\{([A-Z_]+)(?::([-?])([^}]*))?\}/g;

/** Replaces `${NAME}`, `${NAME:-default}` and `${NAME:?message}` as Compose does. Throws for a required one that is absent. */
function interpolate(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(VARIABLE, (_, name: string, kind: string | undefined, rest = '') => {
    const value = env[name] ?? '';
    if (value === '' && kind === '?') throw new Error(`${name}: ${String(rest)}`);
    return value === '' && kind === '-' ? String(rest) : value;
  });
}

/** The services of `docker-compose.yml` that run our own image. */
export const ownServices = (file: ComposeFile): [string, ComposeService][] =>
  Object.entries(file.services).filter(([, service]) => service.build !== undefined);

const interpolateTree = (tree: unknown, env: Readonly<Record<string, string>>): unknown => {
  if (typeof tree === 'string') return interpolate(tree, env);
  if (Array.isArray(tree)) return tree.map((item) => interpolateTree(item, env));
  if (tree === null || typeof tree !== 'object') return tree;
  return Object.fromEntries(
    Object.entries(tree).map(([key, value]) => [key, interpolateTree(value, env)]),
  );
};

/** Reads a Compose file of the repository with anchors, merges and variables resolved. */
export async function readComposeFile(
  name = 'docker-compose.yml',
  env: Readonly<Record<string, string>> = {},
): Promise<ComposeFile> {
  const text = await readFile(`${REPOSITORY}${name}`, 'utf8');
  // Compose fills in variables after parsing: an empty value is an empty text and not null.
  return interpolateTree(parse(text, { merge: true }), env) as ComposeFile;
}
