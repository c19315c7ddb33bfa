import type { Finding } from './finding.ts';

/** A finding on a server of COMFY_SERVERS: what it calls by the variables of a single server are fields of the list. */
export function inWordsOfList({ what, well, says, todo }: Finding, id: string): Finding {
  const field = (name: string): string => `${name} of ${id} in COMFY_SERVERS`;
  const worded = (text: string): string =>
    text
      .replace(
        /Write them into the address \([^)]*\), or set COMFY_HEADERS\./,
        () =>
          `Name the variable that holds user:password in ${field('credentials')}, or those of its headers.`,
      )
      .replace(
        'user and password in COMFY_HTTP_URL, or the headers in COMFY_HEADERS',
        `the variables that credentials or ${field('headers')} name`,
      )
      .replace(/, or unset it to simulate(?=\.)/, '')
      .replace(', or unset it: it is', ', or leave it out: it is')
      .replaceAll('COMFY_HTTP_URL', field('url'))
      .replaceAll('COMFY_WS_URL', field('ws'))
      .replaceAll('COMFY_HEADERS', field('headers'));
  return { what, well, says: worded(says), ...(todo === undefined ? {} : { todo: worded(todo) }) };
}
