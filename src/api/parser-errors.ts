/** Requests that Node's HTTP parser refuses never reach the app; they get a problem too. */
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ErrorCode } from '../errors.ts';
import { problemBody } from './problem.ts';

const ANSWERS: Readonly<Record<string, { status: number; detail: string }>> = {
  HPE_HEADER_OVERFLOW: {
    status: 431,
    detail: 'The request line and headers are larger than 16 KB. Shorten the URL or the headers.',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    detail: 'The request did not arrive in time. Send it again without pauses.',
  },
};

/** Listener for `clientError` of Node's server. Never shows what was received. */
export function answerParserError(
  error: Error & { readonly code?: string },
  socket: Duplex,
  newTrace: () => string,
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, detail } = ANSWERS[error.code ?? ''] ?? {
    status: 400,
    detail:
      'The request is no valid HTTP/1.1. Check the request line, the headers and the encoding.',
  };
  const code: ErrorCode = 'invalid_request';
  const body = JSON.stringify(
    problemBody({ status, code, detail, instance: '/', traceId: newTrace() }),
  );
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
