/** The models of a client's graph, by the names one server lists them under. */
import { parseAir, resourceKind } from '../domain/air.ts';
import type { Graph } from '../domain/graphs/graph.ts';
import { renameModels, type GraphModel } from '../domain/graphs/graph-models.ts';
import { loaderFolders } from '../domain/graphs/loader-folders.ts';
import { findModelFile, findNamedFile, foldersFor } from '../domain/model-files.ts';
import { embeddingNameProblem } from './embedding-prompts.ts';
import type { ListedFiles } from './look-up-file.ts';

type Found = { readonly name: string } | { readonly message: string };

const byAir = (
  { classType, input, isEmbedding }: GraphModel,
  text: string,
  fileName: string | undefined,
  listed: ListedFiles,
): Found => {
  const air = parseAir(text);
  const kind = isEmbedding ? 'embedding' : resourceKind(air.type ?? '');
  const own = loaderFolders(classType, input);
  const folders = (isEmbedding ? undefined : own) ?? foldersFor(kind, air.ecosystem);
  if (folders.length === 0)
    return {
      message: `${text} is of type ${air.type ?? 'unknown'}, and where ${classType} looks for such files is not known; name the file as the server lists it`,
    };
  const found = findModelFile({
    ...{ air, kind, files: listed, folders },
    ...(fileName === undefined ? {} : { fileName }),
  });
  if (found === undefined)
    return {
      message: `${text} is not in the server's model folder ${folders.join(' or ')}${fileName === undefined ? '' : ` as ${fileName}`}`,
    };
  const problem = isEmbedding ? embeddingNameProblem(found.name) : undefined;
  return problem === undefined ? { name: found.name } : { message: problem };
};

const byName = ({ classType, input }: GraphModel, file: string, listed: ListedFiles): Found => {
  const folders = loaderFolders(classType, input) ?? [];
  const found = findNamedFile(file, folders, listed);
  if (found) return { name: found.name };
  // Folders that the server did not tell of are left to the server.
  if (!folders.some((folder) => listed[folder] !== undefined)) return { name: file };
  return {
    message: `the file ${JSON.stringify(file.slice(0, 200))} is not in the server's model folder ${folders.join(' or ')}`,
  };
};

export interface MissingModel {
  readonly model: GraphModel;
  readonly message: string;
}

export interface GraphModelNames {
  /** The graph with the server's names in it. */
  readonly rename: (graph: Graph) => Graph;
}

/** Names of all models on a server, or what it does not have. `fileNameOf` is what the catalogue says of an AIR. */
export function findGraphModels(
  models: readonly GraphModel[],
  fileNameOf: (air: string) => string | undefined,
  listed: ListedFiles,
): GraphModelNames | { readonly missing: readonly MissingModel[] } {
  const missing: MissingModel[] = [];
  const names = new Map<string, string>();
  for (const model of models) {
    const { air, file = '' } = model;
    const found =
      air === undefined ? byName(model, file, listed) : byAir(model, air, fileNameOf(air), listed);
    if ('message' in found) missing.push({ model, message: found.message });
    else names.set(keyOf(model, air ?? file), found.name);
  }
  if (missing.length > 0) return { missing };
  const nameIn = (
    text: string,
    place: { readonly classType: string; readonly input: readonly string[] },
  ): string =>
    names.get(keyOf({ classType: place.classType, input: place.input.join('.') }, text)) ?? text;
  const embeddings = new Map(
    models.flatMap((model) =>
      model.isEmbedding && model.air !== undefined
        ? [[model.air, names.get(keyOf(model, model.air)) ?? model.air] as const]
        : [],
    ),
  );
  return {
    rename: (graph) =>
      renameModels(graph, {
        ofAir: nameIn,
        ofFile: nameIn,
        ofEmbedding: (air) => embeddings.get(air) ?? air,
      }),
  };
}

const keyOf = (
  { classType, input, isEmbedding }: Pick<GraphModel, 'classType' | 'input' | 'isEmbedding'>,
  text: string,
): string => JSON.stringify([isEmbedding ? ['embedding'] : [classType, input], text]);
