/** Whether the files of the catalogue are on a server. */
import type { RegisteredFile } from '../../db/registered-files.ts';
import { parseAir, resourceKind } from '../../domain/air.ts';
import { DIFFUSION_MODEL_FOLDERS, findResourceFile, foldersFor } from '../../domain/model-files.ts';
import { SAMPLE_MODELS } from '../../domain/sample-models.ts';
import type { ComfyHttp } from '../../executors/comfyui/http.ts';
import { listModelFiles } from '../../executors/comfyui/probe.ts';
import { Unwell, finding, type Finding } from './finding.ts';

type Files = Readonly<Record<string, readonly string[]>>;

const MODEL_FOLDERS = ['checkpoints', ...DIFFUSION_MODEL_FOLDERS];
const SHOWN = 5;
const SAMPLES: ReadonlySet<string> = new Set(SAMPLE_MODELS.map(({ air }) => air));

/** Compares a server's lists with the catalogue; `registered` is undefined when that cannot be read. */
export const checkModels = (
  http: ComfyHttp,
  registered: readonly RegisteredFile[] | undefined,
): Promise<Finding> =>
  finding('ComfyUI models', 'Look into the log of ComfyUI.', async () =>
    compare(await listModelFiles(http), registered),
  );

const kindOf = (air: string) => resourceKind(parseAir(air).type ?? '');

function compare(files: Files, registered: readonly RegisteredFile[] | undefined): string {
  const models = [...new Set(MODEL_FOLDERS.flatMap((folder) => files[folder] ?? []))];
  if (models.length === 0)
    throw new Unwell(
      'it lists no file in checkpoints or diffusion_models, so nothing can be drawn',
      'Put a checkpoint into models/checkpoints of ComfyUI.',
    );
  if (registered === undefined)
    return `${models.length} to draw with (start the database to see which are registered)`;
  const usable = registered.filter(({ air }) => foldersFor(kindOf(air), undefined).length > 0);
  const found = new Set(usable.filter((entry) => findResourceFile(entry, files) !== undefined));
  // Nobody expects the samples of the catalogue on a server of their own.
  const missing = usable.filter((entry) => !found.has(entry) && !isUntouchedSample(entry));
  if (missing.length > 0) throw notThere(missing, usable.length);
  if (![...found].some(({ air }) => kindOf(air) === 'checkpoint')) throw noneRegistered(models);
  const left = usable.length - found.size;
  return (
    `${models.length} to draw with; ${found.size} of ${usable.length} registered resources have a file` +
    (left === 0 ? '' : `, the other ${left} are samples`)
  );
}

const isUntouchedSample = ({ air, fileName }: RegisteredFile): boolean =>
  fileName === null && SAMPLES.has(air);

function notThere(missing: readonly RegisteredFile[], total: number): Unwell {
  const lines = missing.slice(0, SHOWN).map(({ air, fileName }) => {
    const { ecosystem = '', source, id = '', version = '' } = parseAir(air);
    const name = fileName ?? `${ecosystem}/${source}/${id}/${version}.safetensors`;
    return `\n  ${air}: no '${name}' in ${foldersFor(kindOf(air), ecosystem).join(' or ')}`;
  });
  const more = missing.length > SHOWN ? `\n  and ${missing.length - SHOWN} more` : '';
  return new Unwell(
    `${missing.length} of ${total} registered resources have no file there:${lines.join('')}${more}`,
    'Put each file into that model folder of ComfyUI, or correct its name with PATCH /v2/resources/<air> {"fileName": …}.',
  );
}

function noneRegistered(models: readonly string[]): Unwell {
  const [first = ''] = models;
  return new Unwell(
    `it has ${models.length} to draw with, but no registered checkpoint is among them, so every job is refused`,
    `Register one with POST /v2/resources and "fileName": ${JSON.stringify(first)}.`,
  );
}
