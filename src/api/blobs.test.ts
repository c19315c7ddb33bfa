import { describe, expect, it } from 'vitest';
import { blobRecord, createTestApi, PICTURE } from './test-api.test-support.ts';

const ID = 'PICTURE.png';
const BASE = '/v2/consumer/blobs/';

function blobApi() {
  const api = createTestApi();
  api.blobs.set(ID, blobRecord(ID));
  const link = (id = ID) =>
    `${BASE}${encodeURIComponent(id)}?${new URLSearchParams({ ...api.deps.signer.sign(id) }).toString()}`;
  return { api, link };
}

describe('GET /v2/consumer/blobs/{id}', () => {
  it('serves the bytes with type, length, ETag and nosniff', async () => {
    const { api, link } = blobApi();
    const response = await api.send('GET', link());
    expect(response.status).toBe(200);
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(PICTURE);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'image/png',
      'content-length': String(PICTURE.length),
      'x-content-type-options': 'nosniff',
      'accept-ranges': 'bytes',
      etag: `"${'ab'.repeat(32)}"`,
    });
  });

  it('answers HEAD without bytes', async () => {
    const { api, link } = blobApi();
    const response = await api.send('HEAD', link());
    expect(response.status).toBe(200);
    expect(response.headers.get('content-length')).toBe(String(PICTURE.length));
    expect(await response.text()).toBe('');
  });

  it.each([
    ['bytes=0-2', 206, 'not', 'bytes 0-2/9'],
    ['bytes=4-', 206, 'a png', 'bytes 4-8/9'],
    ['bytes=-3', 206, 'png', 'bytes 6-8/9'],
    ['bytes=7-99', 206, 'ng', 'bytes 7-8/9'],
    ['bytes=9-', 416, undefined, 'bytes */9'],
    ['bytes=-0', 416, undefined, 'bytes */9'],
    ['bytes=0-1,3-4', 200, 'not a png', null],
    ['lines=1-2', 200, 'not a png', null],
  ])('answers Range %s with %i', async (range, status, text, contentRange) => {
    const { api, link } = blobApi();
    const response = await api.send('GET', link(), undefined, { range });
    expect(response.status).toBe(status);
    expect(response.headers.get('content-range')).toBe(contentRange);
    if (text !== undefined) expect(await response.text()).toBe(text);
  });

  it('answers 304 to a known ETag and the whole to an outdated If-Range', async () => {
    const { api, link } = blobApi();
    const etag = `"${'ab'.repeat(32)}"`;
    expect(
      (await api.send('GET', link(), undefined, { 'if-none-match': `W/${etag}` })).status,
    ).toBe(304);
    const response = await api.send('GET', link(), undefined, {
      range: 'bytes=0-2',
      'if-range': '"old"',
    });
    expect(response.status).toBe(200);
  });

  it('names the file with download=true, without letting the name break the header', async () => {
    const { api, link } = blobApi();
    const response = await api.send(
      'GET',
      `${link()}&download=true&filename=${encodeURIComponent('a"\r\nü.png')}`,
    );
    expect(response.headers.get('content-disposition')).toBe(
      `attachment; filename="a____.png"; filename*=UTF-8''a%22%0D%0A%C3%BC.png`,
    );
  });

  it.each([
    ['no signature', BASE + ID],
    ['an empty signature', `${BASE}${ID}?sig=&exp=2030-01-01T00:00:00.000Z`],
    ['a made-up signature', `${BASE}${ID}?sig=${'A'.repeat(43)}&exp=2030-01-01T00:00:00.000Z`],
    ['a path trick', `${BASE}..%2f..%2fetc%2fpasswd?sig=x&exp=y`],
    ['a backslash', `${BASE}..%5cx?sig=x&exp=y`],
  ])('answers 403 for %s', async (_name, path) => {
    const { api } = blobApi();
    const response = await api.send('GET', path);
    expect(response.status).toBe(403);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
  });

  it('answers 403 to another blob’s signature, a later end, and an ended link', async () => {
    const { api, link } = blobApi();
    api.blobs.set('OTHER.png', blobRecord('OTHER.png'));
    expect((await api.send('GET', link('OTHER.png').replace('OTHER.png', ID))).status).toBe(403);
    expect((await api.send('GET', link().replace('2026', '2027'))).status).toBe(403);
    const ended = link();
    api.clock = new Date('2026-01-02T00:00:00Z');
    const response = await api.send('GET', ended);
    expect(response.status).toBe(403);
    expect(await response.text()).toContain('ended');
  });

  it('answers 404 for an unknown blob only behind a valid signature', async () => {
    const { api, link } = blobApi();
    expect((await api.send('GET', link('GONE.png'))).status).toBe(404);
  });
});
