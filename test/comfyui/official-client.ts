import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import type * as civitai from 'civitai';
import { decodePng } from '../../src/executors/simulator/picture/decode-png.ts';
import { until } from '../support/until.ts';

type FromText = Parameters<civitai.Civitai['image']['fromText']>[0];

export interface Picture {
  readonly jobId: string;
  readonly file: Buffer;
  readonly width: number;
  readonly height: number;
  /** Digest of the pixels; metadata, which differs from job to job, does not count. */
  readonly pixels: string;
}

/** A first picture loads the model; a large one on a CPU takes its time. */
const PATIENCE_MS = 280_000;

/** The npm client `civitai` in front of a stack. */
export function createOfficialClient(url: string) {
  // CommonJS: Node does not see all of its names in an `import`.
  const { Civitai, OpenAPI } = createRequire(import.meta.url)('civitai') as typeof civitai;
  const client = new Civitai({ auth: 'test' });
  // The constructor sets it, so it has to be changed afterwards.
  OpenAPI.BASE = url;

  const submit = async (input: FromText): Promise<string> => {
    const answer = (await client.image.fromText(input)) as { jobs: { jobId: string }[] };
    return answer.jobs[0]?.jobId ?? '';
  };

  const collect = async (jobId: string): Promise<Picture> => {
    const blobUrl = await until(
      `job ${jobId} has its picture`,
      async () => {
        const job = await client.jobs.getById(jobId);
        const result = job.result as { blobUrl?: string } | null;
        if (!job.scheduled && !result?.blobUrl) throw new Error(`it ended: ${JSON.stringify(job)}`);
        return result?.blobUrl ?? undefined;
      },
      PATIENCE_MS,
    );
    const file = Buffer.from(await (await fetch(blobUrl)).arrayBuffer());
    const { width, height, data } = decodePng(file);
    return { jobId, file, width, height, pixels: createHash('sha256').update(data).digest('hex') };
  };

  return {
    submit,
    collect,
    draw: async (input: FromText): Promise<Picture> => collect(await submit(input)),
  };
}
