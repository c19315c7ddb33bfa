import { RandomIdGenerator, type IdGenerator } from '@opentelemetry/sdk-trace-base';

export interface SpanIds extends IdGenerator {
  /** Ids of the span that is started next; what is undefined is made up. */
  next(ids: { readonly traceId: string; readonly spanId: string | undefined }): void;
}

/** Span ids that are known before their span: a job's children are sent long before the job ends. */
export function createSpanIds(): SpanIds {
  const random = new RandomIdGenerator();
  let traceId: string | undefined;
  let spanId: string | undefined;
  const take = (known: string | undefined, otherwise: () => string): string => known ?? otherwise();
  return {
    next(ids) {
      ({ traceId, spanId } = ids);
    },
    generateTraceId: () => take(traceId, () => random.generateTraceId()),
    generateSpanId() {
      const id = take(spanId, () => random.generateSpanId());
      spanId = undefined;
      return id;
    },
  };
}
