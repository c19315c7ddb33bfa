/** Looks a resource up among the files of one server. */
import { parseAir, type ResourceKind } from '../domain/air.ts';
import { findModelFile, foldersFor } from '../domain/model-files.ts';
import type { ResolvedFile } from './resolved-files.ts';

/** Model folder → names as one server lists them. */
export type ListedFiles = Readonly<Record<string, readonly string[]>>;

export interface MissingFile {
  readonly air: string;
  /** Folders that were searched. */
  readonly folders: readonly string[];
  /** Which file, why it is needed and what to do, in words. */
  readonly message: string;
  /** Where the request asks for it, from the job's own object, when it names no resource. */
  readonly path?: readonly (string | number)[];
}

export interface Found {
  readonly file?: ResolvedFile;
  readonly missing?: MissingFile;
  readonly note?: string;
}

/** The file of an AIR, or in words why there is none. `fileName` is what the catalogue says of it. */
export const lookUp = (
  airText: string,
  kind: ResourceKind,
  fileName: string | undefined,
  listed: ListedFiles,
): Found => {
  const air = parseAir(airText);
  const found = findModelFile({
    air,
    kind,
    files: listed,
    ...(fileName === undefined ? {} : { fileName }),
  });
  if (found === undefined) {
    const folders = foldersFor(kind, air.ecosystem);
    const wanted =
      fileName ??
      `${air.ecosystem ?? ''}/${air.source}/${air.id ?? ''}/${air.version ?? ''}.safetensors`;
    const hint =
      fileName === undefined ? ' or give the resource a fileName' : ' or correct its fileName';
    return {
      missing: {
        air: airText,
        folders,
        message: `${airText} is not in the server's model folder ${folders.join(' or ')}: put it there as ${wanted}${hint}.`,
      },
    };
  }
  const { folder, name, alternatives } = found;
  const note =
    alternatives === undefined
      ? {}
      : {
          note: `${airText}: took ${name} in ${folder}; ${alternatives.join(', ')} would fit as well.`,
        };
  return { file: { folder, name }, ...note };
};
