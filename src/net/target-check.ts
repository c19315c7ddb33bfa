import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { OrchestratorError } from '../errors.ts';
import type { AddressRules } from './address-rules.ts';

export interface CheckedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** A URL that may be connected to, with the addresses that were checked for this one connection. */
export interface CheckedTarget {
  readonly url: URL;
  readonly addresses: readonly [CheckedAddress, ...CheckedAddress[]];
}

/** All addresses of a name, as the system sees them. Rejects when there are none. */
export type Resolve = (hostname: string) => Promise<readonly { readonly address: string }[]>;

export const systemResolve: Resolve = (hostname) => lookup(hostname, { all: true, verbatim: true });

/** Longer addresses are refused by many servers and proxies. */
export const MAX_URL_LENGTH = 2_048;

const refused = (what: string, why: string): OrchestratorError =>
  new OrchestratorError('url_refused', `${what} is refused: ${why}`);

const NOT_REACHABLE =
  'Connections go to addresses of the internet only, unless the operator lists the target in OUTGOING_ALLOW.';

/** The host as an address without brackets, or undefined when it is a name. */
const literalAddress = (url: URL): string | undefined => {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return isIP(host) === 0 ? undefined : host;
};

/**
 * What can be said of an address without asking a name server: http or https, no credentials, no host that is refused
 * whatever it resolves to. Throws `url_refused`.
 */
export function checkUrl(text: string, rules: AddressRules): URL {
  if (text.length > MAX_URL_LENGTH)
    throw refused(
      `A URL of ${text.length} characters`,
      `it may have at most ${MAX_URL_LENGTH} characters.`,
    );
  if (!URL.canParse(text))
    throw refused(JSON.stringify(text), 'it is no absolute URL such as https://example.org/hook.');
  const url = new URL(text);
  // A user name may be a key: what is said of the URL leaves it out.
  const shown = `${url.protocol}//${url.host}`;
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw refused(JSON.stringify(url.protocol), 'only http: and https: are spoken.');
  if (url.username !== '' || url.password !== '')
    throw refused(shown, 'it carries a user name or a password. Put a secret into the path.');
  const address = literalAddress(url);
  const fault = address === undefined ? undefined : rules.fault(address);
  if (fault !== undefined) throw refused(shown, `${address} is ${fault}. ${NOT_REACHABLE}`);
  // RFC 6761: these names are loopback, whatever a resolver says.
  const isLocal = /(^|\.)localhost\.?$/.test(url.hostname) && !rules.allowsHost(url.hostname);
  if (isLocal && rules.fault('127.0.0.1') !== undefined)
    throw refused(shown, `localhost is loopback. ${NOT_REACHABLE}`);
  return url;
}

/**
 * Resolves the name once and checks every address it has: one that is refused refuses all. Throws `url_refused`, and
 * `fetch_failed` (retryable) when the name has no address. The answer names no address, lest clients map inner names.
 */
export async function checkTarget(
  text: string,
  rules: AddressRules,
  resolve: Resolve,
): Promise<CheckedTarget> {
  const url = checkUrl(text, rules);
  const literal = literalAddress(url);
  const found =
    literal === undefined
      ? await resolve(url.hostname).catch((cause: unknown) => {
          throw new OrchestratorError(
            'fetch_failed',
            `The name ${url.hostname} could not be resolved (${codeOf(cause)}).`,
            { retryable: true, cause },
          );
        })
      : [{ address: literal }];
  if (literal === undefined && !rules.allowsHost(url.hostname))
    for (const { address } of found) {
      const fault = rules.fault(address);
      if (fault !== undefined)
        throw refused(
          `${url.protocol}//${url.host}`,
          `the name resolves to an address that is ${fault}. ${NOT_REACHABLE}`,
        );
    }
  const [first, ...others] = found.map(({ address }) => ({
    address,
    family: isIP(address) === 6 ? (6 as const) : (4 as const),
  }));
  if (!first)
    throw new OrchestratorError('fetch_failed', `The name ${url.hostname} has no address.`, {
      retryable: true,
    });
  return { url, addresses: [first, ...others] };
}

/** `ENOTFOUND`, `ECONNREFUSED`, …: what the system calls the failure. */
export const codeOf = (error: unknown): string => {
  if (error instanceof AggregateError && error.errors.length > 0)
    return codeOf((error.errors as unknown[])[0]);
  if (error instanceof Error && 'code' in error && typeof error.code === 'string')
    return error.code;
  return error instanceof Error ? error.message : String(error);
};
