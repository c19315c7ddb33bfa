import ipaddr from 'ipaddr.js';
import { OrchestratorError } from '../errors.ts';

/** Words for the ranges of ipaddr.js; a range without one is called special. */
const KINDS: Readonly<Record<string, string>> = {
  unspecified: 'unspecified',
  broadcast: 'broadcast',
  multicast: 'multicast',
  linkLocal: 'link-local',
  loopback: 'loopback',
  carrierGradeNat: 'carrier-internal',
  private: 'private',
  uniqueLocal: 'private',
  deprecatedSiteLocal: 'private',
  reserved: 'reserved',
  ipv4Mapped: 'IPv4 inside IPv6',
  rfc6145: 'IPv4 inside IPv6',
  rfc6052: 'IPv4 inside IPv6',
  '6to4': 'IPv4 inside IPv6',
  teredo: 'IPv4 inside IPv6',
};

type Range = readonly [ipaddr.IPv4 | ipaddr.IPv6, number];

/** Which targets outgoing connections may have. */
export interface AddressRules {
  /** Why no connection may go to `address` (`private`, `loopback`, …); undefined when one may. */
  fault(address: string): string | undefined;
  /** Whether the configuration lists the name itself: then it may resolve to any address. */
  allowsHost(hostname: string): boolean;
}

/** The only range of IPv6 that is routed on the internet: https://www.iana.org/assignments/ipv6-address-space */
const GLOBAL_IPV6 = ipaddr.IPv6.parseCIDR('2000::/3');

const HOSTNAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_-]{1,63})*\.?$/;

const readRange = (entry: string): Range | undefined => {
  const [address = '', bits] = entry.split('/');
  if (!ipaddr.isValid(address)) return undefined;
  if (ipaddr.IPv4.isValid(address) && !ipaddr.IPv4.isValidFourPartDecimal(address))
    return undefined;
  const parsed = ipaddr.parse(address);
  const length = parsed.kind() === 'ipv4' ? 32 : 128;
  if (bits === undefined) return [parsed, length];
  return /^\d{1,3}$/.test(bits) && Number(bits) <= length ? [parsed, Number(bits)] : undefined;
};

/** Whether `entry` can stand in the list of allowed targets: an address, a CIDR or a host name. */
export const isAllowEntry = (entry: string): boolean =>
  readRange(entry) !== undefined || (HOSTNAME.test(entry.toLowerCase()) && !/^[\d.]+$/.test(entry));

/**
 * Allows what the internet routes (unicast, nothing that hides an IPv4 address in an IPv6 one) and what `allow` lists:
 * addresses, CIDRs and host names. Throws `configuration` for an entry that is none of them.
 */
export function createAddressRules(allow: readonly string[]): AddressRules {
  const wrong = allow.find((entry) => !isAllowEntry(entry));
  if (wrong !== undefined)
    throw new OrchestratorError(
      'configuration',
      `'${wrong}' is no address, CIDR or host name that outgoing connections could be allowed to.`,
    );
  const ranges = allow.map(readRange).filter((range) => range !== undefined);
  const hosts = new Set(allow.filter((entry) => !readRange(entry)).map(canonicalHost));

  const isListed = (address: ipaddr.IPv4 | ipaddr.IPv6): boolean =>
    ranges.some(([base, bits]) => address.kind() === base.kind() && address.match(base, bits));

  return {
    fault(text) {
      if (!ipaddr.isValid(text)) return 'no IP';
      // An address of a zone (`fe80::1%eth0`) is never one of the internet.
      const address = ipaddr.parse(text);
      // A mapped address is connected to as the IPv4 address in it.
      const meant = ipaddr.process(text);
      if (isListed(address) || isListed(meant)) return undefined;
      const kind = address.range();
      if (kind !== 'unicast') return KINDS[kind] ?? 'special';
      return address instanceof ipaddr.IPv6 && !address.match(GLOBAL_IPV6) ? 'reserved' : undefined;
    },
    allowsHost: (hostname) => hosts.has(canonicalHost(hostname)),
  };
}

/** Without the root's dot, in lower case: `Example.org.` and `example.org` are one name. */
const canonicalHost = (hostname: string): string => hostname.toLowerCase().replace(/\.$/, '');
