import { describe, expect, it } from 'vitest';
import { parseJobRequests } from '../parse-jobs.ts';
import { findJobType, unsupportedTypeMessage } from './table.ts';

const NOW = new Date('2026-01-01T00:00:00Z');
const JOB = '37D9D863-7928-41C1-BC83-626C00995137';
const SD1 = 'urn:air:sd1:checkpoint:civitai:4384@128713';
const context = { airOf: (air: string) => air, randomSeed: () => 1 };

const madeOf = (body: Record<string, unknown>) => {
  const [job] = parseJobRequests(body, NOW);
  if (!job) throw new Error('no job was read');
  return { ...job.asked, ...job.asked.make(0, context) };
};

describe('job types that need no server', () => {
  it.each([
    ['GetBlobRequest', 'blobGet'],
    ['UploadBlobTemplate', 'blobUpload'],
    ['PinBlobTemplate', 'blobPin'],
    ['unpinBlob', 'blobUnpin'],
    ['DELETEBLOBREQUEST', 'blobDelete'],
    ['CopyAssetTemplate', 'copyAsset'],
    ['ClearAssetRequest', 'clearAssets'],
    ['PrepareModelJobTemplate', 'prepareModel'],
    ['TextToImageJobTemplate', 'textToImage'],
  ])('are known by the name of the document: %s is %s', (name, type) => {
    expect(findJobType(name)?.name).toBe(type);
  });

  it('are tasks without cost, with what they were asked for', () => {
    expect(madeOf({ $type: 'blobGet', key: 'a', duration: '1.00:00:00' })).toMatchObject({
      ...{ jobClass: 'task', cost: 0, scope: 'blobs:read' },
      generation: { operation: 'blobGet', key: 'a', linkMs: 86_400_000 },
    });
    expect(madeOf({ $type: 'blobUpload' }).generation).toEqual({
      operation: 'blobUpload',
      replace: false,
    });
    const copy = { $type: 'copyAsset', jobId: JOB, destinationUri: 'blob:a name' };
    expect(madeOf(copy).generation).toEqual({
      operation: 'copyAsset',
      ofJob: JOB.toLowerCase(),
      destination: { key: 'a name' },
    });
    expect(madeOf({ ...copy, destinationUri: 'https://a.example/b' })).toMatchObject({
      generation: { destination: { url: 'https://a.example/b' } },
      media: [{ source: { url: 'https://a.example/b' }, path: ['destinationUri'] }],
    });
  });

  it('look for a model, or have it loaded by the smallest picture', () => {
    expect(madeOf({ $type: 'prepareModel', model: SD1 })).toMatchObject({
      ...{ jobClass: 'task', cost: 0, generation: { operation: 'prepareModel', model: SD1 } },
    });
    const pin = madeOf({ $type: 'prepareModel', model: SD1, action: 'Pin' });
    expect(pin).toMatchObject({
      jobClass: 'image',
      generation: { operation: 'textToImage', steps: 1, width: 64, height: 64 },
    });
    expect(pin.cost).toBeGreaterThan(0);
  });

  it.each([
    [{ $type: 'blobGet' }, 'key'],
    [{ $type: 'blobPin', key: '' }, 'key'],
    [{ $type: 'blobDelete', key: 'x'.repeat(201) }, 'key'],
    [{ $type: 'blobGet', key: 'a', duration: '-00:01:00' }, 'duration'],
    [{ $type: 'blobUpload', replace: 'yes' }, 'replace'],
    [{ $type: 'clearAssets', jobId: 'no id' }, 'jobId'],
    [{ $type: 'copyAsset', jobId: JOB }, 'destinationUri'],
    [{ $type: 'copyAsset', jobId: JOB, destinationUri: 'ftp://a.example/' }, 'destinationUri'],
    [{ $type: 'copyAsset', jobId: JOB, destinationUri: 'blob:' }, 'destinationUri'],
    [{ $type: 'prepareModel', model: SD1, action: 'Load' }, 'action'],
    [{ $type: 'prepareModel', model: 'sd1' }, 'model'],
  ])('refuse %j by its %s', (body, path) => {
    const read = (): unknown => parseJobRequests(body, NOW);
    expect(read).toThrow(expect.objectContaining({ status: 400 }) as Error);
    expect(read).toThrow(path);
  });

  it('are listed when another type is asked for', () => {
    for (const name of ['blobGet', 'copyAsset', 'prepareModel'])
      expect(unsupportedTypeMessage('nonsense')).toContain(`"${name}"`);
  });
});
