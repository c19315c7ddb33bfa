import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Priority, priorityLevel } from './priority.ts';
import { decodeToken, encodeToken } from './token.ts';
import { wireDate, wireDuration } from './wire-time.ts';

describe('tokens', () => {
  it('come back whatever spelling a client makes of them', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.uuid(), { minLength: 1, maxLength: 100 }), (ids) => {
        const token = encodeToken(ids[0] ?? '', ids);
        const spellings = [
          token,
          token.replace(/=+$/, ''),
          token.replaceAll('+', '-').replaceAll('/', '_'),
          token.replaceAll('+', ' '),
          encodeURIComponent(token),
        ];
        for (const spelling of spellings) expect(decodeToken(spelling)).toEqual({ ids });
      }),
    );
  });

  it('name the batch above 100 jobs', () => {
    const batchId = '37d9d863-7928-41c1-bc83-626c00995137';
    const ids = Array.from({ length: 101 }, () => batchId);
    expect(decodeToken(encodeToken(batchId, ids))).toEqual({ batchId });
  });

  it('never make the reader fail in another way than invalid_token', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => {
        try {
          decodeToken(text);
        } catch (error) {
          expect(error).toMatchObject({ code: 'invalid_token' });
        }
      }),
    );
  });
});

describe('priorities', () => {
  it.each<[unknown, number]>([
    [undefined, 3],
    [null, 3],
    [{ value: 1 }, 1],
    [{ value: -100 }, 1],
    [{ value: 12 }, 5],
    [{ min: 2, max: 9 }, 2],
    [{ min: 7, max: 7 }, 5],
    [{ min: -3, max: 4 }, 1],
    [{ value: 2, min: null, max: null }, 2],
    [0, 1],
    [1, 1],
    [4, 4],
    [2_147_483_647, 5],
    ['-7', 1],
    [' 2 ', 2],
    ['5', 5],
    ['High', 2],
    ['normal', 3],
    ['LOW', 4],
  ])('fold %j into level %i', (priority, level) => {
    if (priority !== undefined && priority !== null)
      expect(Priority.safeParse(priority).success).toBe(true);
    expect(priorityLevel(priority)).toBe(level);
  });

  it.each([
    ...['urgent', '', 'toString', '1.5', '0x2', '12345678901', 'x'.repeat(41)],
    ...[1.5, Number.NaN, Infinity, 2 ** 31, true, [], [1], {}],
    ...[{ value: 'x' }, { value: 1.5 }, { value: null }, { value: 'High' }],
    ...[{ min: 1 }, { max: 1 }, { min: 5, max: 1 }, { value: 1, min: 1, max: 5 }],
  ])('refuse %j', (priority) => {
    expect(Priority.safeParse(priority).success).toBe(false);
  });

  it('stand in a table of docs/ordering.md that is the one used', async () => {
    const page = await readFile(new URL('../../../docs/ordering.md', import.meta.url), 'utf8');
    const rows = [...page.matchAll(/^\| ([1-5]) [^|]*\| ([^|]+) \|/gm)];
    expect(rows.map(([, level]) => level)).toEqual(['1', '2', '3', '4', '5']);
    for (const [, level, asked = ''] of rows)
      for (const [, text = ''] of asked.matchAll(/`([^`]+)`/g)) {
        const priority: unknown = /^[-\d{"]/.test(text) ? JSON.parse(text) : text;
        expect(Priority.safeParse(priority).success, text).toBe(true);
        expect(priorityLevel(priority), text).toBe(Number(level));
      }
  });
});

describe('times', () => {
  it('have seven fractional digits', () => {
    expect(wireDate(new Date('2025-09-06T18:18:42.788Z'))).toBe('2025-09-06T18:18:42.7880000Z');
  });

  it.each([
    [0, '00:00:00.0000000'],
    [12_081, '00:00:12.0810000'],
    [90_061_001, '1.01:01:01.0010000'],
    [-5, '00:00:00.0000000'],
  ])('show %i ms as %s', (ms, text) => {
    expect(wireDuration(ms)).toBe(text);
  });
});
