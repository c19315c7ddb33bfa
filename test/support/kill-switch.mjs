/**
 * Preloaded into a process of a test: kills it (-9) at the moment named by KILL_AT, with nothing of the product changed.
 * `sent:<text>` is just before bytes with that text leave for any server, `answered:<text>` when the first bytes of the
 * answer to them have arrived, `stored:<text>` when a file whose path has the text was put in its place.
 * Plain JavaScript, because the worker threads of the process load it as well.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { Socket } from 'node:net';

const spec = process.env.KILL_AT ?? '';
const colon = spec.indexOf(':');
const [when, text] = [spec.slice(0, colon), spec.slice(colon + 1)];
const die = () => process.kill(process.pid, 'SIGKILL');

const hasText = (chunk) => {
  if (typeof chunk === 'string') return chunk.includes(text);
  if (!(chunk instanceof Uint8Array)) return false;
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).includes(text);
};

if (when === 'sent' || when === 'answered') {
  const armed = new WeakSet();
  const { write, push } = Socket.prototype;
  Socket.prototype.write = function (...args) {
    if (hasText(args[0])) {
      if (when === 'sent') die();
      armed.add(this);
    }
    return write.apply(this, args);
  };
  Socket.prototype.push = function (...args) {
    if (args[0] && armed.has(this)) die();
    return push.apply(this, args);
  };
}

if (when === 'stored') {
  const { rename } = fs.promises;
  fs.promises.rename = async (from, to) => {
    await rename(from, to);
    if (hasText(String(to))) die();
  };
  syncBuiltinESMExports();
}
