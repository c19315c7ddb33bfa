/**
 * Spans of the HTTP calls that are made by undici, and by `fetch`, while another span runs. Both tell of each on these
 * channels:
 * https://github.com/nodejs/undici/blob/main/docs/docs/api/DiagnosticsChannel.md
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Span,
  type Tracer,
} from '@opentelemetry/api';

interface Message {
  readonly request: { readonly method: string; readonly path: string; readonly origin: unknown };
  readonly response?: { readonly statusCode: number };
  readonly error?: { readonly code?: string; readonly name?: string };
}

/** A drawing of an hour is asked about thousands of times: the first calls of a span show what there is to see. */
const MOST_CALLS = 50;

/** Starts listening; returns how to stop. */
export function traceHttpCalls(tracer: Tracer, parent: () => Span | undefined): () => void {
  const calls = new WeakMap<object, Span>();
  const counts = new WeakMap<Span, number>();

  const created = ({ request }: Message): void => {
    const above = parent();
    if (!above) return;
    const count = (counts.get(above) ?? 0) + 1;
    counts.set(above, count);
    if (count > MOST_CALLS) return void above.setAttribute('http.calls', count);
    const path = templateOf(request.path);
    const span = tracer.startSpan(
      `${request.method} ${path}`,
      {
        kind: SpanKind.CLIENT,
        attributes: {
          'http.request.method': request.method,
          'url.path': path,
          'server.address': hostOf(request.origin),
        },
      },
      trace.setSpan(ROOT_CONTEXT, above),
    );
    calls.set(request, span);
  };
  const answered = ({ request, response }: Message): void => {
    const span = calls.get(request);
    if (!span || !response) return;
    span.setAttribute('http.response.status_code', response.statusCode);
    if (response.statusCode >= 400) span.setStatus({ code: SpanStatusCode.ERROR });
  };
  const ended = ({ request }: Message): void => calls.get(request)?.end();
  const failed = ({ request, error }: Message): void => {
    const span = calls.get(request);
    span?.setAttribute('error.type', error?.code ?? error?.name ?? 'unknown');
    span?.setStatus({ code: SpanStatusCode.ERROR });
    span?.end();
  };

  const listeners = {
    'undici:request:create': created,
    'undici:request:headers': answered,
    'undici:request:trailers': ended,
    'undici:request:error': failed,
  };
  const entries = Object.entries(listeners).map(
    ([name, listener]) => [name, (message: unknown) => listener(message as Message)] as const,
  );
  for (const [name, listener] of entries) subscribe(name, listener);
  return () => {
    for (const [name, listener] of entries) unsubscribe(name, listener);
  };
}

const UUID = /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/gi;

/** The path without ids; a query may hold a signature or a file name and is left out. */
const templateOf = (path: string): string => path.replace(/[?#].*$/s, '').replace(UUID, '{id}');

/** Host and port, never credentials. */
const hostOf = (origin: unknown): string =>
  URL.canParse(String(origin)) ? new URL(String(origin)).host : 'unknown';
