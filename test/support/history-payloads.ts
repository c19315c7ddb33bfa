import type { RunHistory } from '../../src/client/run-history.ts';

/** Every payload of a history with where it stands, found by its shape rather than by the kinds of events. */
export function payloadsOf(history: RunHistory): { where: string; bytes: number }[] {
  const found: { where: string; bytes: number }[] = [];
  const walk = (value: unknown, where: string): void => {
    if (typeof value !== 'object' || value === null) return;
    if ('data' in value && value.data instanceof Uint8Array) {
      found.push({ where, bytes: value.data.byteLength });
      return;
    }
    for (const [name, inner] of Object.entries(value)) walk(inner, `${where}.${name}`);
  };
  walk(history.events, 'events');
  return found;
}
