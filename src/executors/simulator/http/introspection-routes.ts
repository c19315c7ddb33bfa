import { freemem, totalmem } from 'node:os';
import type { VersionManners } from '../comfy-version.ts';
import type { NodeDefinitions } from '../graph/node-definitions.ts';
import { MODEL_FOLDERS, type ModelFiles } from '../models.ts';
import { empty, json, type Route } from './exchange.ts';

export interface IntrospectionDeps {
  readonly definitions: NodeDefinitions;
  readonly manners: VersionManners;
  models(): ModelFiles;
  /** Command line as a real server would show it; holds the temp directory, which is unique per start. */
  argv(): readonly string[];
  features(): object;
}

/** /object_info, /models, /embeddings, /experiment/models, /system_stats, /features, /extensions. */
export const introspectionRoutes = (deps: IntrospectionDeps): Route[] => {
  const folders = (): string[] => [...new Set([...MODEL_FOLDERS, ...Object.keys(deps.models())])];

  const filesOf = (folder: string): readonly string[] =>
    Object.hasOwn(deps.models(), folder) ? (deps.models()[folder] ?? []) : [];
  // The names stand for no files: all are as old as this server, and empty.
  const since = Date.now() / 1000;
  const described = (name: string) => ({
    name,
    pathIndex: 0,
    modified: since,
    created: since,
    size: 0,
  });

  const systemStats: Route['handle'] = () => {
    const total = totalmem();
    const free = freemem();
    return json({
      system: {
        os: deps.manners.osName,
        ram_total: total,
        ram_free: free,
        comfyui_version: deps.manners.version,
        required_frontend_version: null,
        installed_templates_version: null,
        required_templates_version: null,
        python_version: `simulated (Node ${process.version})`,
        pytorch_version: 'simulated',
        embedded_python: false,
        argv: deps.argv(),
      },
      devices: [
        {
          name: 'simulated',
          type: 'cpu',
          index: null,
          vram_total: total,
          vram_free: free,
          torch_vram_total: total,
          torch_vram_free: free,
        },
      ],
    });
  };

  return [
    { method: 'GET', path: '/object_info', handle: () => json(deps.definitions.all()) },
    {
      method: 'GET',
      path: '/object_info/:class',
      handle: ({ params }) => {
        const name = params['class'] ?? '';
        const definition = deps.definitions.find(name);
        return json(definition ? { [name]: definition } : {});
      },
    },
    { method: 'GET', path: '/models', handle: () => json(folders()) },
    {
      method: 'GET',
      path: '/models/:folder',
      handle: ({ params }) => {
        const folder = params['folder'] ?? '';
        if (!folders().includes(folder)) return empty(404);
        return json(filesOf(folder));
      },
    },
    {
      method: 'GET',
      path: '/embeddings',
      handle: () =>
        json((deps.models()['embeddings'] ?? []).map((file) => file.replace(/\.[^./]+$/, ''))),
    },
    { method: 'GET', path: '/system_stats', handle: systemStats },
    {
      method: 'GET',
      path: '/experiment/models',
      handle: () =>
        json(
          folders()
            .filter((name) => name !== 'configs' && name !== 'custom_nodes')
            .map((name) => ({ name, folders: [`models/${name}`] })),
        ),
    },
    {
      method: 'GET',
      path: '/experiment/models/:folder',
      handle: ({ params }) => {
        const folder = params['folder'] ?? '';
        return folders().includes(folder) ? json(filesOf(folder).map(described)) : empty(404);
      },
    },
    { method: 'GET', path: '/features', handle: () => json(deps.features()) },
    { method: 'GET', path: '/extensions', handle: () => json([]) },
  ];
};
