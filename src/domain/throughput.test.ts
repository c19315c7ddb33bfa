import { describe, expect, it } from 'vitest';
import { secondsFor, throughputOf, type EndedJob } from './throughput.ts';

const ended = (fromSeconds: number, toSeconds: number): EndedJob => ({
  pool: 'default',
  tenant: 'local',
  claimedAt: new Date(fromSeconds * 1_000),
  finishedAt: new Date(toSeconds * 1_000),
});

describe('throughput', () => {
  it('is jobs per busy second, whatever pauses lie between and however many run beside each other', () => {
    expect(throughputOf([ended(0, 2), ended(2, 4), ended(1_000, 1_002)])).toBe(0.5);
    expect(throughputOf([ended(0, 4), ended(0, 4), ended(1, 3)])).toBe(0.75);
  });

  it('is not known without a job that ended', () => {
    expect(throughputOf([])).toBeUndefined();
  });

  it('gives whole seconds of at least 1 and at most an hour', () => {
    expect(secondsFor(3, 0.5)).toBe(6);
    expect(secondsFor(1, 50)).toBe(1);
    expect(secondsFor(100_000, 0.1)).toBe(3_600);
    expect(secondsFor(100_000, undefined)).toBe(30);
  });
});
