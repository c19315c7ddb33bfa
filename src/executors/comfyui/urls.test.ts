import { describe, expect, it } from 'vitest';
import { comfyUrls, endpoint, shownAddress } from './urls.ts';

const pair = (http: string | undefined, ws: string | undefined) => {
  const urls = comfyUrls(http, ws);
  return [endpoint(urls.http, '/queue').href, urls.ws.href];
};

describe('comfyUrls', () => {
  it('takes the HTTP address with or without /prompt and derives the socket from it', () => {
    const both = ['http://gpu:8188/queue', 'ws://gpu:8188/ws'];
    expect(pair('http://gpu:8188/prompt', undefined)).toEqual(both);
    expect(pair('http://gpu:8188/', undefined)).toEqual(both);
    expect(pair('http://gpu:8188', undefined)).toEqual(both);
  });

  it('derives the HTTP address from the socket', () => {
    expect(pair(undefined, 'wss://gpu/ws')).toEqual(['https://gpu/queue', 'wss://gpu/ws']);
  });

  it('keeps a path prefix and a query on every request', () => {
    const urls = comfyUrls('https://host/comfy/api/prompt?token=t', undefined);
    expect(endpoint(urls.http, '/view', { filename: 'a b.png' }).href).toBe(
      'https://host/comfy/api/view?token=t&filename=a+b.png',
    );
    expect(urls.ws.href).toBe('wss://host/comfy/api/ws?token=t');
  });

  it('keeps two addresses that are given both', () => {
    const given = ['http://a:1/prompt', 'ws://b:2/socket'] as const;
    expect(pair(...given)).toEqual(['http://a:1/queue', 'ws://b:2/socket']);
  });

  it('moves credentials out of the URL into a header', () => {
    const urls = comfyUrls('http://us%40er:pa:ss@gpu:8188', undefined);
    const expected = `Basic ${Buffer.from('us@er:pa:ss').toString('base64')}`;
    expect(urls.headers).toEqual({ authorization: expected });
    expect(`${urls.http.href} ${urls.ws.href}`).not.toContain('ss');
  });

  it('gives both addresses the credentials of either, or each its own', () => {
    const basic = (pair: string) => ({
      authorization: `Basic ${Buffer.from(pair).toString('base64')}`,
    });
    const one = { headers: basic('a:b'), wsHeaders: basic('a:b') };
    expect(comfyUrls('http://a:b@gpu', undefined)).toMatchObject(one);
    expect(comfyUrls('http://a:b@gpu', 'ws://gpu/ws')).toMatchObject(one);
    expect(comfyUrls(undefined, 'ws://a:b@gpu/ws')).toMatchObject(one);
    expect(comfyUrls('http://a:b@gpu', 'ws://c:d@gpu/ws')).toMatchObject({
      headers: basic('a:b'),
      wsHeaders: basic('c:d'),
    });
  });

  it('takes a password with a lone percent sign as it is', () => {
    const expected = `Basic ${Buffer.from('user:100%').toString('base64')}`;
    expect(comfyUrls('http://user:100%@gpu:8188', undefined).headers.authorization).toBe(expected);
  });

  it('shows an address without its secrets', () => {
    expect(shownAddress('https://user:pw@gpu:1/comfy/?token=t#x')).toBe('https://gpu:1/comfy');
  });

  it('refuses what is no URL, another protocol and nothing at all', () => {
    for (const [http, ws] of [
      ['gpu', undefined],
      ['ftp://gpu', undefined],
      [undefined, 'http://gpu/ws'],
      [undefined, undefined],
    ] as const) {
      expect(() => comfyUrls(http, ws)).toThrow(expect.objectContaining({ code: 'configuration' }));
    }
  });
});
