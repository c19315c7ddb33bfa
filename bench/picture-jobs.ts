/** The requests of a client that wants pictures. */

/** AIR of the checkpoint that every bench asks for unless it says otherwise. */
export const SD1 = 'urn:air:sd1:checkpoint:civitai:4384@128713';

interface WireStatus {
  readonly jobId: string;
  readonly result: { readonly blobUrl?: string };
  readonly lastEvent: { readonly type: string };
}

interface WireAnswer {
  readonly token: string;
  readonly jobs: readonly WireStatus[];
}

export interface PictureRequest {
  /** AIR of the checkpoint. */
  readonly model: string;
  readonly steps: number;
}

export interface PictureJobs {
  /** POSTs a job and returns its id once it is acknowledged. */
  post(): Promise<string>;
  /** POSTs a job with `wait=true` and reads the picture; returns the job's id. Throws when there is none. */
  draw(): Promise<string>;
  /** POSTs that many jobs in one request and returns their ids once all have a picture. Throws when one has none. */
  drawAll(count: number): Promise<string[]>;
  /** GET of one job. */
  read(jobId: string): Promise<WireStatus>;
}

/** The answer itself; throws with its text when it is not 2xx. */
export async function readOk(response: Response): Promise<Response> {
  if (response.ok) return response;
  throw new Error(`${response.url} answered ${response.status}: ${await response.text()}`);
}

function pictureOf({ jobId, result, lastEvent }: WireStatus): string {
  if (result.blobUrl) return result.blobUrl;
  throw new Error(`job ${jobId} ended as ${lastEvent.type}`);
}

/** Requests against an API; `size` is the width and height of the pictures. (Default: one step of a seeded SD1 checkpoint.) */
export function createPictureJobs(
  url: string,
  size: number,
  { model, steps }: PictureRequest = { model: SD1, steps: 1 },
): PictureJobs {
  const jobs = `${url}/v1/consumer/jobs`;
  const request = {
    $type: 'textToImage',
    model,
    // A seed of its own for each job: a server does not draw again what it has in its cache.
    params: { prompt: 'a lighthouse', width: size, height: size, steps, cfgScale: 7, seed: -1 },
  };
  const submit = async (query: string, quantity = 1): Promise<WireAnswer> => {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ ...request, quantity });
    const answer = await readOk(await fetch(`${jobs}${query}`, { method: 'POST', headers, body }));
    return (await answer.json()) as WireAnswer;
  };
  const submitOne = async (query: string): Promise<WireStatus> => {
    const [row] = (await submit(query)).jobs;
    if (!row) throw new Error('POST answered without a job');
    return row;
  };
  return {
    post: async () => (await submitOne('')).jobId,
    async draw() {
      const row = await submitOne('?wait=true');
      await (await readOk(await fetch(pictureOf(row)))).arrayBuffer();
      return row.jobId;
    },
    async drawAll(count) {
      const { token } = await submit('', count);
      const waiting = `${jobs}?wait=true&token=${encodeURIComponent(token)}`;
      for (;;) {
        const answer = await readOk(await fetch(waiting));
        if (answer.status === 202) continue;
        const rows = ((await answer.json()) as WireAnswer).jobs;
        rows.forEach(pictureOf);
        return rows.map(({ jobId }) => jobId);
      }
    },
    async read(jobId) {
      return (await (await readOk(await fetch(`${jobs}/${jobId}`))).json()) as WireStatus;
    },
  };
}
