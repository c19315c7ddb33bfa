/** Chooses ControlNets from the catalogue for requests that name none, as v1 clients do. */
import { formatPath } from '../contract/field-errors.ts';
import type { JobSubmission } from '../client/verbs.ts';
import type { Resource, ResourceStore } from '../db/resources.ts';
import { parseAir, rootEcosystem } from '../domain/air.ts';
import type { ControlNet, Ecosystem, Generation } from '../domain/generation.ts';
import { isTask } from '../domain/task.ts';
import { kindRank } from '../ecosystems/control-net-files.ts';
import type { NeededFile } from './file-check.ts';

/** A job that a server draws. */
type DrawnSubmission = JobSubmission & { readonly generation: Generation };

export const isDrawn = (submission: JobSubmission): submission is DrawnSubmission =>
  !isTask(submission.generation);

/** The jobs of one request for drawings, and the resources they name. */
export interface MadeDrawing {
  readonly path: readonly (string | number)[];
  readonly submissions: readonly DrawnSubmission[];
  readonly needed: readonly NeededFile[];
}

const wordsOf = ({ modelName, fileName = '', details }: Resource): string =>
  [modelName, fileName, JSON.stringify(details['tags'] ?? [])].join(' ');

/** The entry that says of itself that it is for this preprocessor; of several the first by rank, then by age. */
const bestOf = (
  catalogue: readonly Resource[],
  ecosystem: Ecosystem,
  { preprocessor }: ControlNet,
): Resource | undefined =>
  catalogue
    .filter(({ air }) => rootEcosystem(parseAir(air).ecosystem ?? '') === ecosystem)
    .map((resource) => ({ resource, rank: kindRank(wordsOf(resource), preprocessor) }))
    .filter(({ rank }) => rank !== undefined)
    .sort((a, b) => (a.rank ?? 0) - (b.rank ?? 0))[0]?.resource;

const isOpen = ({ model }: ControlNet): boolean => model === undefined;

const withChoices = (request: MadeDrawing, catalogue: readonly Resource[]): MadeDrawing => {
  const [first] = request.submissions;
  if (first?.generation.operation !== 'textToImage') return request;
  const { ecosystem, controlNets = [] } = first.generation;
  const chosen = controlNets.map((control) =>
    isOpen(control) ? bestOf(catalogue, ecosystem, control) : undefined,
  );
  if (!chosen.some(Boolean)) return request;
  const named = controlNets.map((control, index) => {
    const resource = chosen[index];
    return resource ? { ...control, model: resource.air } : control;
  });
  const needed = chosen.flatMap((resource, index) =>
    resource ? [{ path: formatPath([...request.path, 'controlNets', index]), resource }] : [],
  );
  return {
    ...request,
    // Jobs of one request differ in nothing but their seeds.
    submissions: request.submissions.map((submission) => ({
      ...submission,
      generation:
        submission.generation.operation === 'textToImage'
          ? { ...submission.generation, controlNets: named }
          : submission.generation,
    })),
    needed: [...request.needed, ...needed],
  };
};

/** The catalogue is read only for requests that leave a ControlNet open. */
export const createControlNetChoice =
  (resources: Pick<ResourceStore, 'listControlNets'>) =>
  async (tenant: string, requests: readonly MadeDrawing[]): Promise<readonly MadeDrawing[]> => {
    const open = requests.some(
      ({ submissions: [first] }) =>
        first?.generation.operation === 'textToImage' && first.generation.controlNets?.some(isOpen),
    );
    if (!open) return requests;
    const catalogue = await resources.listControlNets(tenant);
    return requests.map((request) => withChoices(request, catalogue));
  };
