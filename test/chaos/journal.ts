/** What was done to a part, or what it did by itself, and for how long it was away. Times in ms since the epoch. */
export interface Outage {
  readonly part: string;
  readonly what: 'killed' | 'stopped' | 'cut off' | 'drained' | 'ended by itself';
  readonly fromMs: number;
  /** When it was there again; absent while it is away. */
  readonly toMs: number | undefined;
}

export interface Journal {
  /** Notes the begin of an outage; the returned function notes its end. */
  begin(part: string, what: Outage['what']): () => void;
  outages(): readonly Outage[];
  /** What is away at this moment, for the progress line. */
  away(): readonly string[];
}

export function createJournal(): Journal {
  const entries: { -readonly [K in keyof Outage]: Outage[K] }[] = [];
  return {
    begin(part, what) {
      const entry = { part, what, fromMs: Date.now(), toMs: undefined as number | undefined };
      entries.push(entry);
      return () => {
        entry.toMs = Date.now();
      };
    },
    outages: () => entries.map((entry) => ({ ...entry })),
    away: () =>
      entries.filter(({ toMs }) => toMs === undefined).map(({ part, what }) => `${part} ${what}`),
  };
}
