import { join } from 'node:path';
import { z } from 'zod';
import type { Config } from '../config.ts';
import { OrchestratorError, messageOf } from '../errors.ts';
import { COMFY_VERSIONS } from '../executors/simulator/comfy-version.ts';
import { Fault } from '../executors/simulator/faults.ts';
import { readModelList } from '../executors/simulator/model-list.ts';
import { startSimulator } from '../executors/simulator/server.ts';
import { untilSignal } from '../lifecycle.ts';
import type { Logger } from '../ports.ts';

export interface SimulatorCommandOptions {
  readonly port?: string;
  readonly host: string;
  readonly data?: string;
  readonly models?: string;
  readonly faults?: string;
  readonly comfyVersion?: string;
  readonly executionLog?: string;
}

const DEFAULT_PORT = 8_188;

const badOption = (message: string, cause?: unknown): OrchestratorError =>
  new OrchestratorError('configuration', message, { cause });

/** Runs the simulator alone until a signal. Throws `configuration` for an option or file that makes no sense. */
export async function runSimulator(
  config: Config,
  logger: Logger,
  options: SimulatorCommandOptions,
): Promise<void> {
  // Before anything is opened, so that no signal finds nobody listening.
  const signal = untilSignal(logger);
  const list = options.models ?? config.SIM_MODELS;
  const models = list === undefined ? undefined : await readModelList(list);
  const faults = parseFaults(options.faults ?? config.SIM_FAULTS);
  const simulator = await startSimulator({
    host: options.host,
    port: parsePort(options.port) ?? config.SIM_PORT ?? DEFAULT_PORT,
    dataDir: options.data ?? join(config.DATA_DIR, 'simulator'),
    stepMs: config.SIM_STEP_MS,
    modelLoadMs: config.SIM_MODEL_LOAD_MS,
    outputRetentionMs: config.SIM_OUTPUT_RETENTION_HOURS * 3_600_000,
    comfyVersion: parseVersion(options.comfyVersion) ?? config.SIM_COMFY_VERSION,
    customNodes: config.SIM_CUSTOM_NODES,
    faults,
    logger,
    ...(options.executionLog === undefined ? {} : { executionLogFile: options.executionLog }),
    ...(models ? { models } : {}),
  }).catch((error: unknown) => {
    throw badOption(
      `The simulator cannot listen on ${options.host}: ${messageOf(error)}. Give another --port or --host.`,
      error,
    );
  });
  logger.info({ url: simulator.url, ws: simulator.wsUrl }, 'simulator listens');
  process.send?.({ ready: true });
  await signal;
  await simulator.close();
}

function parsePort(given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  const port = Number(given);
  if (/^\d+$/.test(given) && port <= 65_535) return port;
  throw badOption(`--port ${given}: expected a whole number from 0 (any free port) to 65535.`);
}

function parseVersion(given: string | undefined): (typeof COMFY_VERSIONS)[number] | undefined {
  if (given === undefined) return undefined;
  const version = COMFY_VERSIONS.find((one) => one === given);
  if (version) return version;
  throw badOption(`--comfy-version ${given}: expected one of ${COMFY_VERSIONS.join(', ')}.`);
}

function parseFaults(given: string | undefined): Fault[] {
  if (given === undefined) return [];
  let value: unknown;
  try {
    value = JSON.parse(given);
  } catch (error) {
    throw badOption(
      `--faults (SIM_FAULTS) is no JSON: ${messageOf(error)}. Give a list such as [{"kind":"out-of-memory"}].`,
      error,
    );
  }
  const faults = z.array(Fault).safeParse(Array.isArray(value) ? value : [value]);
  if (faults.success) return faults.data;
  const kinds = Fault.options.map((option) => option.shape.kind.value).join(', ');
  throw badOption(
    `--faults (SIM_FAULTS): ${z.prettifyError(faults.error)}. Kinds are ${kinds}; docs/simulator.md explains them.`,
    faults.error,
  );
}
