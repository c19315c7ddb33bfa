import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { OrchestratorError } from '../errors.ts';
import { toActivityFailure, withActivityFailures } from './failures.ts';

describe('toActivityFailure', () => {
  it.each([true, false])('keeps the code and whether it is retryable (%s)', (retryable) => {
    const failure = toActivityFailure(
      new OrchestratorError('server_error', 'it answered 500', { retryable }),
    );
    expect(failure).toBeInstanceOf(ApplicationFailure);
    expect(failure).toMatchObject({
      type: 'server_error',
      message: 'it answered 500',
      nonRetryable: !retryable,
    });
  });

  it('lets what nobody foresaw be tried again', () => {
    expect(toActivityFailure(new TypeError('x is not a function'))).toMatchObject({
      type: 'internal',
      message: 'x is not a function',
      nonRetryable: false,
    });
    expect(toActivityFailure('thrown text')).toMatchObject({ message: 'thrown text' });
  });

  it.each(['ECONNREFUSED', 'CONNECTION_CLOSED', '57P01', '08006', '53300'])(
    'calls %s an absent database, which passes',
    (code) => {
      const failure = toActivityFailure(Object.assign(new Error('no'), { code }));
      expect(failure).toMatchObject({ type: 'unavailable', nonRetryable: false });
    },
  );

  it('passes on what Temporal understands already', () => {
    for (const failure of [new CancelledFailure('stop'), ApplicationFailure.nonRetryable('no')])
      expect(toActivityFailure(failure)).toBe(failure);
  });

  it('cuts long messages and leaves nothing in them that cannot be stored', () => {
    const failure = toActivityFailure(
      new OrchestratorError('execution_failed', `\0${'x'.repeat(1_998)}😀${'y'.repeat(9_000)}`),
    );
    const { message } = failure as ApplicationFailure;
    expect(message).toBe(`\ufffd${'x'.repeat(1_998)}\ufffd`);
  });
});

describe('withActivityFailures', () => {
  it('gives results through and translates what is thrown, also synchronously', async () => {
    const activities = withActivityFailures({
      add: (a: number, b: number) => Promise.resolve(a + b),
      fail: (): Promise<void> => {
        throw new OrchestratorError('lease_lost', 'gone');
      },
    });
    expect(await activities.add(1, 2)).toBe(3);
    await expect(activities.fail()).rejects.toMatchObject({ type: 'lease_lost' });
  });
});
