/** Loaded only when traces are wanted. Nothing is registered globally but the log of the exporter's own troubles. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import {
  DiagLogLevel,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  diag,
  trace,
  type Context,
  type Span,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base';
import { traceOf } from '../domain/trace.ts';
import type { Logger, SpanFacts, Tracer } from '../ports.ts';
import { traceHttpCalls } from './http-calls.ts';
import { createSpanIds } from './span-ids.ts';

export interface OtelTracer extends Tracer {
  /** Sends what is left, within a few seconds. */
  close(): Promise<void>;
}

export interface OtelTracerOptions {
  /** Base address of an OTLP/HTTP receiver. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Share of the traces that are sent, 0 to 1; decided by the trace id, so that every process decides alike. */
  readonly share: number;
  readonly serviceName: string;
  readonly role: string;
  readonly logger: Logger;
}

const SEND_EVERY_MS = 1_000;
const LAST_SEND_MS = 5_000;
const TROUBLE_EVERY_MS = 60_000;

/** Sends spans to an OpenTelemetry collector. */
export function createOtelTracer(options: OtelTracerOptions): OtelTracer {
  tellTroubles(options.logger);
  const ids = createSpanIds();
  const exporter = new OTLPTraceExporter({
    url: `${options.endpoint.replace(/\/+$/, '')}/v1/traces`,
    headers: { ...options.headers },
  });
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({
      'service.name': options.serviceName,
      'service.instance.id': `${options.role}-${process.pid}`,
      'orchestrator.role': options.role,
    }),
    // Not parent-based: a traceparent of ours ends in 00, as the service it stands in for shows it.
    sampler: new TraceIdRatioBasedSampler(options.share),
    idGenerator: ids,
    spanProcessors: [new BatchSpanProcessor(exporter, { scheduledDelayMillis: SEND_EVERY_MS })],
  });
  const tracer = provider.getTracer('orchestrator');
  const running = new AsyncLocalStorage<Span>();
  const stopHttp = traceHttpCalls(tracer, () => running.getStore());

  const start = (facts: SpanFacts, kind: SpanKind, startedAtMs?: number): Span => {
    ids.next({ traceId: traceOf(facts.traceparent), spanId: facts.id });
    return tracer.startSpan(
      facts.name,
      {
        kind,
        attributes: { ...facts.attributes },
        ...(startedAtMs === undefined ? {} : { startTime: startedAtMs }),
      },
      parentContext(facts),
    );
  };

  return {
    async during(facts, run) {
      const span = start(facts, SpanKind.INTERNAL);
      try {
        return await running.run(span, run);
      } catch (error) {
        fail(span, codeOf(error));
        throw error;
      } finally {
        span.end();
      }
    },
    note(facts) {
      const kind = facts.kind === 'server' ? SpanKind.SERVER : SpanKind.INTERNAL;
      const span = start(facts, kind, facts.startedAtMs);
      if (facts.error !== undefined) fail(span, facts.error);
      span.end(facts.endedAtMs);
    },
    async close() {
      stopHttp();
      const giveUp = delay(LAST_SEND_MS, undefined, { ref: false });
      await Promise.race([provider.shutdown(), giveUp]);
    },
  };
}

const parentContext = ({ traceparent, parentId }: SpanFacts): Context =>
  parentId === undefined
    ? ROOT_CONTEXT
    : trace.setSpanContext(ROOT_CONTEXT, {
        traceId: traceOf(traceparent),
        spanId: parentId,
        traceFlags: TraceFlags.NONE,
        isRemote: true,
      });

/** Only the code: messages may quote what a client wrote. */
function fail(span: Span, code: string): void {
  span.setStatus({ code: SpanStatusCode.ERROR, message: code });
  span.setAttribute('error.type', code);
}

function codeOf(error: unknown): string {
  const { type, name } = error as { readonly type?: unknown; readonly name?: unknown };
  if (typeof type === 'string') return type;
  return typeof name === 'string' ? name : 'unknown';
}

/** A collector that is away is told once a minute; spans are dropped meanwhile and nothing waits for them. */
function tellTroubles(logger: Logger): void {
  let toldAtMs = 0;
  const tell = (message: string): void => {
    if (Date.now() - toldAtMs < TROUBLE_EVERY_MS) return;
    toldAtMs = Date.now();
    logger.warn({ error: message.slice(0, 300) }, 'traces cannot be sent');
  };
  const quiet = (): void => undefined;
  diag.setLogger(
    { error: tell, warn: quiet, info: quiet, debug: quiet, verbose: quiet },
    { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true },
  );
}
