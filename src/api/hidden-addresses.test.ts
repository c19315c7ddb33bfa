import { describe, expect, it } from 'vitest';
import { withoutAddresses } from './hidden-addresses.ts';

describe('the error of a server, as it is shown', () => {
  it.each([
    [
      'ComfyUI a at http://gpu-a.lan:8188 gave no answer to GET /system_stats: ECONNREFUSED connect ECONNREFUSED 10.0.0.7:8188; check it',
      'ComfyUI a at (address) gave no answer to GET /system_stats: ECONNREFUSED connect ECONNREFUSED (address); check it',
    ],
    ['getaddrinfo ENOTFOUND gpu-a.lan; check it', 'getaddrinfo ENOTFOUND (address); check it'],
    ['connect ETIMEDOUT gpu-a.lan:443', 'connect ETIMEDOUT (address)'],
    ['connect ECONNREFUSED ::1:8188', 'connect ECONNREFUSED (address)'],
    ['connect ECONNREFUSED [fe80::1]:8188', 'connect ECONNREFUSED (address)'],
    ['bound on 10.0.0.7 only', 'bound on (address) only'],
    ['wss://user:pw@gpu/ws?token=1 closed', '(address) closed'],
  ])('has no address: %s', (error, shown) => {
    expect(withoutAddresses(error)).toBe(shown);
  });

  it.each([
    'ComfyUI a answered 503 to GET /queue: busy; look into the log of the server',
    'no answer within 10000 ms',
    'ComfyUI 0.3.64 is too old: 0.3.70 is needed',
  ])('keeps what is none: %s', (error) => {
    expect(withoutAddresses(error)).toBe(error);
  });
});
