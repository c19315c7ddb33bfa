import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { readdirSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import type { Logger } from '../../ports.ts';
import { DEFAULT_COMFY_VERSION, mannersOf, type ComfyVersion } from './comfy-version.ts';
import { createDrawingPause } from './drawing-pause.ts';
import { appendExecutions, createExecutionLog, type ExecutionLogEntry } from './execution-log.ts';
import { createFaultBook, Fault, type FaultInput } from './faults.ts';
import { createNodeDefinitions } from './graph/node-definitions.ts';
import { fileRoutes } from './http/file-routes.ts';
import { createHttpServer } from './http/http-server.ts';
import { introspectionRoutes } from './http/introspection-routes.ts';
import { jobsRoutes } from './http/jobs-routes.ts';
import { promptRoutes, queueRoutes } from './http/prompt-routes.ts';
import { simulationRoutes } from './http/simulation-routes.ts';
import { uploadRoutes } from './http/upload-routes.ts';
import { DEFAULT_MODELS, type ModelFiles } from './models.ts';
import { findInputFile } from './nodes/input-files.ts';
import type { FileType } from './nodes/node-context.ts';
import { startOutputSweeper } from './output-sweeper.ts';
import { createPromptHistory } from './prompt-history.ts';
import { createPromptQueue } from './prompt-queue.ts';
import { createPromptWorker } from './prompt-worker.ts';
import { createSocketHub } from './socket-hub.ts';

export type { ExecutionLogEntry } from './execution-log.ts';

export interface SimulatorOptions {
  /** (Default: 127.0.0.1.) */
  readonly host?: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** `output/` and `input/` in it survive a restart, the temp folder does not. */
  readonly dataDir: string;
  /** Folder → file names. (Default: `DEFAULT_MODELS`.) */
  readonly models?: ModelFiles;
  /** Time of one sampler step. (Default: 0, as fast as possible.) */
  readonly stepMs?: number;
  /** Time a model file takes when it is first used. (Default: 0.) */
  readonly modelLoadMs?: number;
  /** Age at which outputs and inputs are deleted. (Default: 24 h.) */
  readonly outputRetentionMs?: number;
  /** Largest request body. (Default: 100 MiB.) */
  readonly maxUploadBytes?: number;
  /** Release whose manners are shown. (Default: `DEFAULT_COMFY_VERSION`.) */
  readonly comfyVersion?: ComfyVersion;
  /** False: the classes of a stock ComfyUI and no others. (Default: true) */
  readonly customNodes?: boolean;
  /** `none` sends no previews unless a prompt asks for them. (Default: `auto`.) */
  readonly previewMethod?: string;
  /** Send every progress update instead of ten a second. (Default: as the release does.) */
  readonly unthrottledProgress?: boolean;
  /** Faults that wait from the start. */
  readonly faults?: readonly FaultInput[];
  /** Every execution is appended here as a line of JSON; the file outlives the process. */
  readonly executionLogFile?: string;
  /** What the `exit` fault calls. (Default: `process.exit`.) */
  readonly exit?: (code: number) => void;
  readonly logger?: Logger;
}

export interface Simulator {
  readonly url: string;
  readonly wsUrl: string;
  readonly port: number;
  /** Prompts the worker took up, oldest first. */
  executions(): ExecutionLogEntry[];
  setModels(models: ModelFiles): void;
  /** Drawings stand still before their next sampler step until it is called with false; they can be interrupted. */
  pauseDrawing(paused: boolean): void;
  /** Throws when the fault is malformed. */
  fault(fault: FaultInput): void;
  /** Ends like a killed process: sockets cut, queue and history gone, files kept. */
  close(): Promise<void>;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** Temp folders of earlier starts are wiped; this start's has a name never seen before. */
const prepareFolders = async (dataDir: string, bootId: string) => {
  const root = resolve(dataDir);
  await mkdir(root, { recursive: true });
  for (const name of await readdir(root)) {
    if (name.startsWith('temp-')) await rm(join(root, name), { recursive: true, force: true });
  }
  const tempDirectory = join(root, `temp-${bootId}`);
  const folders: Record<FileType, string> = {
    output: join(root, 'output'),
    input: join(root, 'input'),
    temp: join(tempDirectory, 'temp'),
  };
  for (const folder of Object.values(folders)) await mkdir(folder, { recursive: true });
  return { root, tempDirectory, folders };
};

/** Starts a server that speaks ComfyUI's protocol and draws its own pictures. Rejects when the port is taken. */
export const startSimulator = async (options: SimulatorOptions): Promise<Simulator> => {
  const host = options.host ?? '127.0.0.1';
  const bootId = randomUUID();
  const manners = mannersOf(options.comfyVersion ?? DEFAULT_COMFY_VERSION);
  const { root, tempDirectory, folders } = await prepareFolders(options.dataDir, bootId);
  const directory = (type: FileType): string => folders[type];
  let models: ModelFiles = options.models ?? DEFAULT_MODELS;
  let port = options.port;

  const queue = createPromptQueue();
  const history = createPromptHistory();
  const faults = createFaultBook();
  const pause = createDrawingPause();
  const { executionLogFile } = options;
  const log = createExecutionLog(
    undefined,
    executionLogFile === undefined ? undefined : appendExecutions(executionLogFile, bootId),
  );
  const maxUploadBytes = options.maxUploadBytes ?? 100 * 1024 * 1024;
  const features = (): object => ({
    supports_preview_metadata: true,
    max_upload_size: maxUploadBytes,
    ...(manners.version !== '0.3.64' && { extension: { manager: { supports_v4: true } } }),
  });
  const queueInfo = (): object => ({
    exec_info: { queue_remaining: queue.size + (worker.running ? 1 : 0) },
  });
  const hub = createSocketHub({ queueInfo, features, running: () => worker.client });
  const sendStatus = (): void => {
    hub.send('status', { status: queueInfo() }, undefined);
  };
  const definitions = createNodeDefinitions({
    models: () => models,
    inputFiles: () => readdirSync(folders.input),
    customNodes: options.customNodes,
  });
  const exit =
    options.exit ??
    ((code: number): void => {
      process.exit(code);
    });
  const worker = createPromptWorker({
    queue,
    history,
    hub,
    faults,
    log,
    definitions,
    directory,
    embeddings: () => models['embeddings'] ?? [],
    sendStatus,
    exit,
    pause,
    stepMs: options.stepMs ?? 0,
    modelLoadMs: options.modelLoadMs ?? 0,
    unthrottledProgress: options.unthrottledProgress ?? !manners.throttlesProgress,
    previewMethod: options.previewMethod ?? 'auto',
  });

  const fault = (given: Fault): void => {
    options.logger?.info({ fault: given }, 'simulator fault set');
    if (given.kind === 'silence-sockets') hub.silence(!given.off);
    else if (given.kind === 'drop-sockets' && given.atStep === undefined) hub.dropAll();
    else if (given.kind === 'exit' && given.atStep === undefined) exit(given.code);
    else faults.add(given);
  };
  const setModels = (given: ModelFiles): void => {
    models = given;
  };
  const imageExists = (value: unknown): string | undefined =>
    findInputFile(value, directory) === undefined
      ? `Invalid image file: ${String(value)}`
      : undefined;
  const promptDeps = {
    queue,
    history,
    worker,
    faults,
    definitions,
    ownValidators: {
      LoadImage: { image: imageExists },
      LoadImageMask: { image: imageExists },
      LoadImageOutput: { image: imageExists },
    },
    manners,
    sendStatus,
    queueInfo,
  };
  const server = createHttpServer({
    routes: [
      ...promptRoutes(promptDeps),
      ...queueRoutes(promptDeps),
      ...jobsRoutes(promptDeps),
      ...fileRoutes({ directory, faults }),
      ...uploadRoutes(directory),
      ...introspectionRoutes({
        definitions,
        manners,
        models: () => models,
        features,
        argv: () => [
          'main.py',
          ...['--listen', host, '--port', String(port)],
          ...['--base-directory', root, '--temp-directory', tempDirectory],
        ],
      }),
      ...simulationRoutes({
        bootId,
        definitions,
        log,
        faults,
        fault,
        setModels,
        pauseDrawing: pause.set,
        reset: () => {
          pause.set(false);
          faults.clear();
          log.clear();
          hub.silence(false);
        },
      }),
    ],
    hub,
    faults,
    maxBodyBytes: maxUploadBytes,
    logger: options.logger,
  });
  for (const given of options.faults ?? []) fault(Fault.parse(given));

  await new Promise<void>((done, failed) => {
    server.once('error', failed);
    server.listen(options.port, host, () => {
      server.off('error', failed);
      done();
    });
  });
  port = (server.address() as AddressInfo).port;
  const sweeper = startOutputSweeper({
    folders: [folders.output, folders.input],
    retentionMs: options.outputRetentionMs ?? DAY_MS,
    logger: options.logger,
  });
  const shownHost = host.includes(':') ? `[${host}]` : host;

  let closing: Promise<void> | undefined;
  const shutDown = async (): Promise<void> => {
    const closed = new Promise<void>((done) => server.close(() => done()));
    hub.dropAll();
    server.closeAllConnections();
    await Promise.all([worker.stop(), sweeper.stop(), closed]);
    await rm(tempDirectory, { recursive: true, force: true });
  };
  return {
    url: `http://${shownHost}:${port}`,
    wsUrl: `ws://${shownHost}:${port}/ws`,
    port,
    executions: () => log.entries(),
    setModels,
    pauseDrawing: pause.set,
    fault: (given) => {
      fault(Fault.parse(given));
    },
    close: () => (closing ??= shutDown()),
  };
};
