import { WebSocket } from 'ws';
import { messageOf } from '../../errors.ts';
import type { Logger } from '../../ports.ts';
import { type SocketMessage, parseMessage, parsePreview } from './messages.ts';

export interface SocketOptions {
  readonly serverId: string;
  readonly url: URL;
  /** Unique per process: ComfyUI lets a second socket with the same id silence the first. */
  readonly clientId: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly logger: Logger;
  readonly onMessage: (message: SocketMessage) => void;
  /** The connection came up or went away. */
  readonly onChange: () => void;
  readonly timing?: Partial<SocketTiming>;
}

/** All in milliseconds. */
export interface SocketTiming {
  readonly firstRetry: number;
  readonly lastRetry: number;
  readonly handshake: number;
  /** Between pings; an answer has this long. */
  readonly ping: number;
  /** How long a frame that is due may take. */
  readonly silence: number;
  /** What an old socket gets to close before it is cut. */
  readonly closing: number;
}

const TIMING: SocketTiming = {
  firstRetry: 250,
  lastRetry: 5_000,
  handshake: 10_000,
  ping: 10_000,
  silence: 5_000,
  closing: 2_000,
};

/** Images sent through the socket are read and dropped; a larger frame ends the connection, which is then made anew. */
const MAX_FRAME = 128 * 1024 * 1024;
/** Frames only hint; a text that is larger than any of ComfyUI's is not parsed. */
const MAX_TEXT = 4 * 1024 * 1024;

const bytesOf = (data: WebSocket.RawData): Buffer =>
  Array.isArray(data)
    ? Buffer.concat(data)
    : data instanceof ArrayBuffer
      ? Buffer.from(data)
      : data;

const messageIn = (data: Buffer, binary: boolean): SocketMessage | undefined => {
  if (binary) return parsePreview(data);
  return data.length > MAX_TEXT ? undefined : parseMessage(data.toString('utf8'));
};

/**
 * One WebSocket to one server, reconnecting until closed. It is read without pause, because ComfyUI sends to its
 * sockets one after another and a slow reader silences all of them. Nothing may depend on a message arriving.
 */
export class ComfySocket {
  readonly #options: SocketOptions;
  readonly #timing: SocketTiming;
  #socket: WebSocket | undefined;
  #started = false;
  #closed = false;
  #open = false;
  #retry: number;
  #retryTimer: NodeJS.Timeout | undefined;
  #pingTimer: NodeJS.Timeout | undefined;
  #closingTimer: NodeJS.Timeout | undefined;
  /** Since when something should have been heard; undefined when nothing is due. */
  #dueSince: number | undefined;
  #frames = 0;
  #answered = true;

  constructor(options: SocketOptions) {
    this.#options = options;
    this.#timing = { ...TIMING, ...options.timing };
    this.#retry = this.#timing.firstRetry;
  }

  /** True while connected and not overdue with a frame. */
  get alive(): boolean {
    return this.#open && !this.#overdue();
  }

  /** How many frames have come, over all connections. */
  get frames(): number {
    return this.#frames;
  }

  /** Connects in the background; later calls do nothing. */
  start(): void {
    if (this.#started || this.#closed) return;
    this.#started = true;
    this.#connect();
  }

  /**
   * A POST was accepted, of which ComfyUI tells every socket by a `status` frame: if none has come since `frames` was
   * read before the POST, one is due, and without it in time the socket counts as dead.
   */
  expectFrame(since: number): void {
    if (this.#open && this.#frames === since) this.#dueSince ??= Date.now();
  }

  /** Resolves when the socket is closed; it does not come back. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    const socket = this.#socket;
    if (socket === undefined) return;
    const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    this.#drop('closed by us');
    await gone;
  }

  #overdue(): boolean {
    return this.#dueSince !== undefined && Date.now() - this.#dueSince > this.#timing.silence;
  }

  #connect(): void {
    const url = new URL(this.#options.url);
    url.searchParams.set('clientId', this.#options.clientId);
    const socket = new WebSocket(url, {
      headers: { ...this.#options.headers },
      handshakeTimeout: this.#timing.handshake,
      maxPayload: MAX_FRAME,
      perMessageDeflate: false,
    });
    this.#socket = socket;
    socket.on('open', () => this.#opened(socket));
    socket.on('message', (data, binary) => {
      this.#frames += 1;
      this.#dueSince = undefined;
      const message = messageIn(bytesOf(data), binary);
      if (message !== undefined) this.#options.onMessage(message);
    });
    socket.on('pong', () => {
      this.#answered = true;
    });
    socket.on('error', (error) => {
      const { serverId, logger } = this.#options;
      logger.debug({ serverId, error: messageOf(error) }, 'ComfyUI socket failed');
      // A server that sends nonsense may not answer the closing handshake either.
      clearTimeout(this.#closingTimer);
      this.#closingTimer = setTimeout(() => socket.terminate(), this.#timing.closing);
    });
    socket.once('close', (code) => this.#gone(code));
  }

  #opened(socket: WebSocket): void {
    this.#open = true;
    this.#answered = true;
    this.#dueSince = undefined;
    this.#retry = this.#timing.firstRetry;
    // Must be the first message of a connection, or ComfyUI ignores it.
    socket.send(
      JSON.stringify({ type: 'feature_flags', data: { supports_preview_metadata: true } }),
    );
    this.#pingTimer = setInterval(() => this.#check(socket), this.#timing.ping);
    this.#pingTimer.unref();
    this.#options.onChange();
  }

  #check(socket: WebSocket): void {
    if (this.#overdue()) return this.#drop('no frame for a prompt it accepted');
    if (!this.#answered) return this.#drop('no answer to a ping');
    this.#answered = false;
    socket.ping();
  }

  /** The old socket must be closed before a new one of the same client id opens, or its end unregisters the new one. */
  #drop(why: string): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#open = false;
    clearInterval(this.#pingTimer);
    if (!this.#closed) {
      const { serverId, logger } = this.#options;
      logger.info({ serverId, why }, 'ComfyUI socket is reconnected');
    }
    socket.close(1000);
    this.#closingTimer = setTimeout(() => socket.terminate(), this.#timing.closing);
  }

  #gone(code: number): void {
    clearInterval(this.#pingTimer);
    clearTimeout(this.#closingTimer);
    this.#open = false;
    this.#dueSince = undefined;
    this.#socket = undefined;
    if (this.#closed) return;
    this.#options.logger.debug(
      { serverId: this.#options.serverId, code, retryMs: this.#retry },
      'ComfyUI socket is gone',
    );
    this.#retryTimer = setTimeout(() => this.#connect(), this.#retry);
    this.#retry = Math.min(this.#retry * 2, this.#timing.lastRetry);
    this.#options.onChange();
  }
}
