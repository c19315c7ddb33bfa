const isLoopback = (hostname: string): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);

const parse = (text: string): URL | undefined => {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
};

/** ComfyUI's guard against pages of other origins: true when a loopback Host and the Origin differ. */
export const isForeignOrigin = (host: string | undefined, origin: string | undefined): boolean => {
  if (host === undefined || origin === undefined) return false;
  const at = parse(`http://${host.toLowerCase()}`);
  const from = parse(origin.toLowerCase());
  if (!at || !from || !isLoopback(at.hostname) || from.hostname === '') return false;
  // Ports count only where both name one.
  return at.port === '' || from.port === '' ? at.hostname !== from.hostname : at.host !== from.host;
};
