/** Requests for pictures, and what became of them. */
import { JOBS } from './job-calls.test-support.ts';
import { validJob, type TestApi } from './test-api.test-support.ts';

export const UPSCALER = 'urn:air:other:upscaler:civitai:147759@164821';
export const REFINER = 'urn:air:sdxl:checkpoint:civitai:101055@126613';
export const PICTURE_FILE = { imageUrl: 'https://example.org/a.png' };
export const CANNY = { preprocessor: 'Canny', ...PICTURE_FILE };

type Change = Readonly<Record<string, unknown>>;

export const pictureJob = (params: Change, change: Change = {}) => {
  const job = validJob();
  return { ...job, ...change, params: { ...job.params, ...params } };
};

export const postPicture = (
  api: TestApi,
  params: Change,
  change: Change = {},
  path = JOBS,
): Promise<Response> => api.send('POST', path, pictureJob(params, change));

/** Generation of the first job that was accepted. */
export const acceptedPicture = (api: TestApi): unknown =>
  [...api.orchestrator.rows.values()].map(({ generation }) => generation)[0];

/** Messages by field of a request that was refused with 400. */
export const faultsOf = async (response: Response): Promise<Record<string, string[]>> => {
  const text = await response.text();
  if (response.status !== 400) throw new Error(`answered ${response.status}: ${text}`);
  return (JSON.parse(text) as { errors: Record<string, string[]> }).errors;
};
