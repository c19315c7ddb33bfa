import { createRequire } from 'node:module';
import pino from 'pino';
import type pinoPretty from 'pino-pretty';
import type { Config } from './config.ts';
import type { Logger } from './ports.ts';

/** Fields that never reach a log line, wherever they occur at the top two levels. */
const SECRET_FIELDS = ['authorization', 'apiKey', 'key', 'password', 'token', 'sig', 'secret'];

/** Bytes that wait for a reader of stdout who does not read; what comes beyond is dropped. */
const MOST_BUFFERED = 16 * 1024 * 1024;

/** A logger that is readable in a terminal and JSON elsewhere; secrets by field name are left out. */
export function createLogger(
  config: Pick<Config, 'LOG_LEVEL' | 'LOG_FORMAT'>,
  part: string,
): Logger {
  const readable =
    config.LOG_FORMAT === 'pretty' || (config.LOG_FORMAT === 'auto' && process.stdout.isTTY);
  const options: pino.LoggerOptions = {
    level: config.LOG_LEVEL,
    base: { part },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]), remove: true },
  };
  // A synchronous write costs a request 0.25 ms; what waits is written at the exit of the process, also after an error.
  if (!readable) return pino(options, pino.destination({ sync: false, maxLength: MOST_BUFFERED }));
  // Loaded only for terminals: it costs about 10 MB.
  const pretty = createRequire(import.meta.url)('pino-pretty') as typeof pinoPretty;
  const stream = pretty({
    colorize: process.stdout.isTTY,
    translateTime: 'HH:MM:ss.l',
    ignore: 'pid,hostname,part',
    messageFormat: '{part} · {msg}',
    sync: true,
  });
  return pino(options, stream);
}

/** Logs nothing. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};
