import { LineCounter, parseDocument } from 'yaml';
import { fieldErrors } from '../contract/field-errors.ts';
import { censored, withoutCredentials } from './hidden.ts';
import { ServerList, type ListedServer } from './server-list-schema.ts';

export type ParsedServerList =
  | { readonly list: ServerList }
  /** Every fault in words that hold no credentials. */
  | { readonly problems: readonly string[] };

/** JSON or YAML (JSON is YAML) to a checked list. A parser's own messages quote the text, so only the place is told. */
export function parseServerList(text: string): ParsedServerList {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [fault] = document.errors;
  if (fault) {
    const { line, col } = lines.linePos(fault.pos[0]);
    const what =
      fault.code === 'DUPLICATE_KEY'
        ? 'the same field twice'
        : `neither JSON nor YAML (${fault.code})`;
    return { problems: [`line ${line}, column ${col}: ${what}`] };
  }
  let raw: unknown;
  try {
    raw = document.toJS({ maxAliasCount: 0 });
  } catch {
    return { problems: ['it uses YAML aliases (*name), which are not read; write the values out'] };
  }
  const wrapped = Array.isArray(raw) ? { servers: raw as unknown[] } : raw;
  const checked = ServerList.safeParse(wrapped);
  if (!checked.success)
    return {
      problems: fieldErrors(checked.error.issues, censored(wrapped)).map(
        ({ path, message }) => `${withoutCredentials(path) || 'the list'}: ${message}`,
      ),
    };
  const problems = [...repeated(checked.data.servers), ...unknownPools(checked.data)];
  return problems.length > 0 ? { problems } : { list: checked.data };
}

function repeated(servers: readonly ListedServer[]): string[] {
  const ids = new Map<string, number>();
  const addresses = new Map<string, number>();
  return servers.flatMap(({ id, url }, index) => {
    const earlierId = ids.get(id);
    const earlierUrl = addresses.get(sameAddress(url));
    ids.set(id, earlierId ?? index);
    addresses.set(sameAddress(url), earlierUrl ?? index);
    return [
      ...(earlierId === undefined
        ? []
        : [
            `servers[${index}].id: ${id} is the id of servers[${earlierId}] already; give each its own`,
          ]),
      ...(earlierUrl === undefined
        ? []
        : [
            `servers[${index}].url: ${String(censored(url))} is the address of servers[${earlierUrl}] already; name each server once`,
          ]),
    ];
  });
}

/** Two spellings of one address are one server: host in lower case, no default port, no `/prompt`. */
function sameAddress(text: string): string {
  const url = new URL(text);
  const path = url.pathname.replace(/\/+$/, '').replace(/\/prompt$/, '');
  return `${url.origin}${path}${url.search}`;
}

function unknownPools({ pools, servers }: ServerList): string[] {
  if (!pools) return [];
  return servers.flatMap(({ pool }, index) =>
    pool === undefined || pools.includes(pool)
      ? []
      : [
          `servers[${index}].pool: ${pool} is not among pools (${pools.join(', ')}); correct it, or add it there`,
        ],
  );
}
