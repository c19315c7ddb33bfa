/** The requests of a client that wants pictures. */
const SD1 = 'urn:air:sd1:checkpoint:civitai:4384@128713';

interface WireStatus {
  readonly jobId: string;
  readonly result: { readonly blobUrl?: string };
  readonly lastEvent: { readonly type: string };
}

export interface PictureJobs {
  /** POSTs a job and returns its id once it is acknowledged. */
  post(): Promise<string>;
  /** POSTs a job with `wait=true` and reads the picture; returns the job's id. Throws when there is none. */
  draw(): Promise<string>;
  /** GET of one job. */
  read(jobId: string): Promise<WireStatus>;
}

async function readOk(response: Response): Promise<Response> {
  if (response.ok) return response;
  throw new Error(`${response.url} answered ${response.status}: ${await response.text()}`);
}

/** Requests against an API; `size` is the width and height of the pictures. */
export function createPictureJobs(url: string, size: number): PictureJobs {
  const jobs = `${url}/v1/consumer/jobs`;
  const body = JSON.stringify({
    $type: 'textToImage',
    model: SD1,
    // A seed of its own for each job: a server does not draw again what it has in its cache.
    params: { prompt: 'a lighthouse', width: size, height: size, steps: 1, cfgScale: 7, seed: -1 },
  });
  const submit = async (query: string): Promise<WireStatus> => {
    const headers = { 'content-type': 'application/json' };
    const answer = await readOk(await fetch(`${jobs}${query}`, { method: 'POST', headers, body }));
    const { jobs: rows } = (await answer.json()) as { jobs: WireStatus[] };
    const [row] = rows;
    if (!row) throw new Error('POST answered without a job');
    return row;
  };
  return {
    post: async () => (await submit('')).jobId,
    async draw() {
      const { jobId, result, lastEvent } = await submit('?wait=true');
      if (!result.blobUrl) throw new Error(`job ${jobId} ended as ${lastEvent.type}`);
      await (await readOk(await fetch(result.blobUrl))).arrayBuffer();
      return jobId;
    },
    async read(jobId) {
      return (await (await readOk(await fetch(`${jobs}/${jobId}`))).json()) as WireStatus;
    },
  };
}
