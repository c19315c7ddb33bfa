import { describe, expect, it } from 'vitest';
import { continueTrace, spanOf, spanOfRun, traceOf } from './trace.ts';

const zeros = (bytes: number): string => 'ab'.repeat(bytes);
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

describe('continueTrace', () => {
  it('keeps the trace of a request and gives it a span of our own', () => {
    for (const incoming of [`00-${TRACE}-${SPAN}-01`, ` 00-${TRACE}-${SPAN}-00 `])
      expect(continueTrace(incoming, zeros)).toBe(`00-${TRACE}-abababababababab-00`);
  });

  it.each([
    undefined,
    '',
    'garbage',
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-01-extra`,
    `01-${TRACE}-${SPAN}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
  ])('makes a trace where %j is none', (incoming) => {
    expect(continueTrace(incoming, zeros)).toBe(`00-${'ab'.repeat(16)}-abababababababab-00`);
  });
});

describe('traceOf', () => {
  it('is what all parts of a trace share', () => {
    expect(traceOf(continueTrace(`00-${TRACE}-${SPAN}-01`, zeros))).toBe(TRACE);
  });
});

describe('span ids', () => {
  it('are the part of a traceparent behind the trace, and 16 digits of a run id', () => {
    expect(spanOf(`00-${TRACE}-${SPAN}-00`)).toBe(SPAN);
    expect(spanOfRun('019ab2f4-1c5e-7d11-9a3b-5f0c2d7e8f90')).toBe('9a3b5f0c2d7e8f90');
  });
});
