/** W3C trace context (https://www.w3.org/TR/trace-context/): `00-<32 hex>-<16 hex>-<2 hex>`. */

const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}$/;

/**
 * The trace id of an incoming traceparent with a span of our own, or a new one. It ends in `-00`, as the service it
 * stands in for shows it; whether spans are sampled is not decided by that flag.
 */
export function continueTrace(
  incoming: string | undefined,
  randomHex: (bytes: number) => string,
): string {
  const trace = incoming === undefined ? undefined : TRACEPARENT.exec(incoming.trim())?.[1];
  return `00-${trace ?? randomHex(16)}-${randomHex(8)}-00`;
}

/** The 16 hex digits of the span itself. */
export const spanOf = (traceparent: string): string => traceparent.slice(36, 52);

/**
 * Span of a job's run, known to all its activities before it is sent at the end: the last digits of Temporal's run id,
 * most of which are random.
 */
export const spanOfRun = (runId: string): string => runId.replaceAll('-', '').slice(16);

/** The 32 hex digits that all parts of one trace share. */
export const traceOf = (traceparent: string): string => traceparent.slice(3, 35);
