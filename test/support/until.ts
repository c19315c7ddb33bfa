/** TEST_PATIENCE multiplies every wait, for a machine that does much else. */
const PATIENCE = Number(process.env['TEST_PATIENCE'] ?? 1);

type NotYet = undefined | null | false;

/** Waits until `look` gives a value (not undefined, null or false: a column is null until it is set); looks every 25 ms. Throws after `timeoutMs`. */
export async function until<T>(
  what: string,
  look: () => Promise<T | NotYet> | T | NotYet,
  timeoutMs = 20_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs * PATIENCE;
  let last: unknown;
  for (;;) {
    try {
      const value = await look();
      if (value !== undefined && value !== null && value !== false) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline)
      throw new Error(
        `waited ${timeoutMs * PATIENCE} ms in vain for: ${what}; last: ${String(last)}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
