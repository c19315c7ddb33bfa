import { describe, expect, it } from 'vitest';
import { createAddressRules, isAllowEntry } from './address-rules.ts';

describe('where outgoing connections may go', () => {
  const rules = createAddressRules([]);

  it.each([
    ['0.0.0.0', 'unspecified'],
    ['0.1.2.3', 'unspecified'],
    ['10.1.1.1', 'private'],
    ['100.64.0.1', 'carrier-internal'],
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['169.254.169.254', 'link-local'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.0.0.1', 'reserved'],
    ['192.0.2.1', 'reserved'],
    ['192.88.99.1', 'reserved'],
    ['192.168.0.1', 'private'],
    ['198.18.0.1', 'reserved'],
    ['198.51.100.1', 'reserved'],
    ['203.0.113.4', 'reserved'],
    ['224.0.0.1', 'multicast'],
    ['240.0.0.1', 'reserved'],
    ['255.255.255.255', 'broadcast'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['::127.0.0.1', 'IPv4 inside IPv6'],
    ['::ffff:127.0.0.1', 'IPv4 inside IPv6'],
    ['::ffff:8.8.8.8', 'IPv4 inside IPv6'],
    ['::ffff:0:7f00:1', 'IPv4 inside IPv6'],
    ['64:ff9b::7f00:1', 'IPv4 inside IPv6'],
    ['64:ff9b:1::1', 'IPv4 inside IPv6'],
    ['2002:7f00:1::', 'IPv4 inside IPv6'],
    ['2001::1', 'IPv4 inside IPv6'],
    ['100::1', 'special'],
    ['2001:db8::1', 'reserved'],
    ['3fff::1', 'reserved'],
    ['5f00::1', 'special'],
    ['4000::1', 'reserved'],
    ['fc00::1', 'private'],
    ['fd12:3456::1', 'private'],
    ['fe80::1', 'link-local'],
    ['fe80::1%eth0', 'link-local'],
    ['fec0::1', 'private'],
    ['ff02::1', 'multicast'],
    ['example.org', 'no IP'],
  ])('refuses %s: %s', (address, kind) => {
    expect(rules.fault(address)).toBe(kind);
  });

  it.each(['8.8.8.8', '93.184.216.34', '172.32.0.1', '2606:4700::1', '2a00:1450:4001::5'])(
    'allows %s',
    (address) => {
      expect(rules.fault(address)).toBeUndefined();
    },
  );

  it('allows what the configuration lists, and nothing beside it', () => {
    const some = createAddressRules([
      '127.0.0.0/8',
      '192.168.7.20',
      'fd00:1::/32',
      'Hooks.internal',
    ]);
    expect(some.fault('127.8.9.1')).toBeUndefined();
    expect(some.fault('::ffff:127.0.0.1')).toBeUndefined();
    expect(some.fault('192.168.7.20')).toBeUndefined();
    expect(some.fault('192.168.7.21')).toBe('private');
    expect(some.fault('fd00:1:2::1')).toBeUndefined();
    expect(some.fault('fd01::1')).toBe('private');
    expect(some.fault('::1')).toBe('loopback');
    expect(some.allowsHost('hooks.internal')).toBe(true);
    expect(some.allowsHost('HOOKS.internal.')).toBe(true);
    expect(some.allowsHost('more.hooks.internal')).toBe(false);
  });

  it.each(['127.0.0.0/33', '127.1', '10.0.0.0/x', 'a b', 'http://x', '', '-x', '1.2.3.4.5'])(
    'takes %j for no entry of that list',
    (entry) => {
      expect(isAllowEntry(entry)).toBe(false);
      expect(() => createAddressRules([entry])).toThrow('no address, CIDR or host name');
    },
  );
});
