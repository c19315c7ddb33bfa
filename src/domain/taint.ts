/** Why the result of a job is not to be used again. */
export interface Taint {
  /** ISO time. */
  readonly at: string;
  readonly reason?: string;
  readonly context?: Readonly<Record<string, unknown>>;
}

/** What a taint adds to the context of an event; nothing without one. */
export const taintContext = (taint: Taint | null): Record<string, unknown> =>
  taint === null
    ? {}
    : {
        tainted: true,
        ...(taint.reason === undefined ? {} : { taint_reason: taint.reason }),
        ...(taint.context === undefined ? {} : { taint_context: taint.context }),
      };
