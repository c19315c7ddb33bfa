import { withDeadline } from '../deadline.ts';
import type { GaugeReading } from '../domain/metric-catalogue.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../ports.ts';

type Read = () => Promise<readonly GaugeReading[]>;

export interface GaugeSources {
  /** Several may have one name: the servers of a worker. */
  add(name: string, read: Read): void;
  /** What every source says now; sources that fail or do not answer in time are left out and named. */
  read(): Promise<readonly GaugeReading[]>;
}

/** Scrapes of several Prometheus servers share a read. */
const KEPT_MS = 5_000;
/** A scrape gives up after 10 s; a database that is away must not take that long. */
const DEADLINE_MS = 3_000;

/** Reads gauges on demand, each source at most every 5 seconds and never twice at a time. */
export function createGaugeSources(logger: Logger, now: () => number): GaugeSources {
  const sources: Read[] = [];
  return {
    add(name, read) {
      let kept:
        { readonly at: number; readonly readings: Promise<readonly GaugeReading[]> } | undefined;
      const readNow = async (): Promise<readonly GaugeReading[]> => {
        try {
          const readings = await withDeadline(read(), DEADLINE_MS, 'not read');
          return [...readings, sourceUp(name, 1)];
        } catch (error) {
          logger.debug({ source: name, error: messageOf(error) }, 'metrics source not read');
          return [sourceUp(name, 0)];
        }
      };
      sources.push(() => {
        if (!kept || now() - kept.at >= KEPT_MS) kept = { at: now(), readings: readNow() };
        return kept.readings;
      });
    },
    async read() {
      return (await Promise.all(sources.map((read) => read()))).flat();
    },
  };
}

const sourceUp = (source: string, value: number): GaugeReading => ({
  metric: 'sourceUp',
  labels: { source },
  value,
});
