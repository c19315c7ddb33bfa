/** The requests of clients that keep the token of what they asked for. */
import { readOk, SD1 } from './picture-jobs.ts';

export interface WireJob {
  readonly jobId: string;
  readonly scheduled: boolean;
  readonly lastEvent: { readonly type: string; readonly dateTime: string };
}

export interface Collection {
  readonly token: string;
  readonly jobs: readonly WireJob[];
}

/** Jobs by their token, from one API. Every call throws for an answer that is not 2xx. */
export interface Collections {
  /** One POST of so many jobs. */
  submit(count: number, properties?: Readonly<Record<string, string>>): Promise<Collection>;
  read(token: string): Promise<Collection>;
  /** Held open until all have ended; asked again when the API's limit ran out. */
  wait(token: string): Promise<Collection>;
  readJob(jobId: string): Promise<void>;
  query(properties: Readonly<Record<string, string>>): Promise<void>;
}

const bodyOf = async (response: Response): Promise<unknown> => (await readOk(response)).json();

/** `size` is the width and height of the pictures. */
export function createCollections(url: string, size: number): Collections {
  const path = `${url}/v1/consumer/jobs`;
  const headers = { 'content-type': 'application/json' };
  const post = async (to: string, body: object): Promise<unknown> =>
    bodyOf(await fetch(to, { method: 'POST', headers, body: JSON.stringify(body) }));
  const byToken = (token: string, query = ''): string =>
    `${path}?token=${encodeURIComponent(token)}${query}`;
  const params = { prompt: 'a lighthouse', width: size, height: size, steps: 1, seed: -1 };
  return {
    async submit(count, properties = {}) {
      const job = { $type: 'textToImage', model: SD1, params, properties };
      return (await post(path, { jobs: Array.from({ length: count }, () => job) })) as Collection;
    },
    read: async (token) => (await bodyOf(await fetch(byToken(token)))) as Collection,
    async wait(token) {
      for (;;) {
        const answer = await fetch(byToken(token, '&wait=true'));
        const body = (await bodyOf(answer)) as Collection;
        if (answer.status === 200) return body;
      }
    },
    readJob: async (jobId) => void (await bodyOf(await fetch(`${path}/${jobId}`))),
    query: async (properties) => void (await post(`${path}/query`, { properties })),
  };
}

/** Milliseconds since the last of these jobs ended, by the clock of this machine. */
export const sinceEnd = ({ jobs }: Collection): number =>
  Date.now() - Math.max(...jobs.map(({ lastEvent }) => Date.parse(lastEvent.dateTime)));
