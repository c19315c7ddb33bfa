/**
 * Preloaded into a process of a test: its wall clock is CLOCK_SHIFT_MS ahead (or behind), as on a machine without NTP.
 * Plain JavaScript, because the worker threads of the process load it as well; workflows get their time from Temporal.
 */
const shiftMs = Number(process.env.CLOCK_SHIFT_MS);
const RealDate = globalThis.Date;

globalThis.Date = class Date extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(RealDate.now() + shiftMs);
    else super(...args);
  }
  static now() {
    return RealDate.now() + shiftMs;
  }
};
