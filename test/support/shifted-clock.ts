/** Preloaded into a process of a test: its wall clock is CLOCK_SHIFT_MS ahead (or behind), as on a machine without NTP. */
const shiftMs = Number(process.env['CLOCK_SHIFT_MS']);
const RealDate = globalThis.Date;
const now = (): number => RealDate.now() + shiftMs;

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args: ConstructorParameters<DateConstructor> | []) =>
    args.length === 0 ? new target(now()) : new target(...args),
  get: (target, name) => (name === 'now' ? now : (Reflect.get(target, name) as unknown)),
});
