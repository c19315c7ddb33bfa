import { describe, expect, it } from 'vitest';
import { promptIdFor } from './prompt-id.ts';

const JOB = '37d9d863-7928-41c1-bc83-626c00995137';

describe('promptIdFor', () => {
  it('is a canonical lower-case UUID of version 5', () => {
    expect(promptIdFor(JOB, 1, 1)).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });

  it('stays the same from release to release', () => {
    // python3 -c "import uuid; print(uuid.uuid5(uuid.UUID('<namespace>'), '<job>/1/1'))"
    expect(promptIdFor(JOB, 1, 1)).toBe('5471d64f-c8e0-57cd-9b23-3a17979a6ea1');
    expect(promptIdFor(JOB.toUpperCase(), 1, 1)).toBe(promptIdFor(JOB, 1, 1));
  });

  it('differs for every job, run index and attempt', () => {
    const ids = [1, 2, 11].flatMap((run) =>
      [1, 2, 11].flatMap((attempt) => [
        promptIdFor(JOB, run, attempt),
        promptIdFor(JOB.replace('3', '4'), run, attempt),
      ]),
    );
    expect(new Set(ids).size).toBe(ids.length);
  });
});
