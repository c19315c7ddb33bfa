import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import { OrchestratorError, messageOf } from '../errors.ts';
import { startSimulator } from '../executors/simulator/server.ts';
import { untilSignal } from '../lifecycle.ts';
import type { Logger } from '../ports.ts';

export interface SimulatorCommandOptions {
  readonly port?: number;
  readonly host: string;
  readonly data?: string;
  readonly models?: string;
}

const DEFAULT_PORT = 8_188;

/** Runs the simulator alone until a signal. Throws `configuration` for an unreadable model list. */
export async function runSimulator(
  config: Config,
  logger: Logger,
  options: SimulatorCommandOptions,
): Promise<void> {
  // Before anything is opened, so that no signal finds nobody listening.
  const signal = untilSignal(logger);
  const models = options.models === undefined ? undefined : await readModels(options.models);
  const simulator = await startSimulator({
    host: options.host,
    port: options.port ?? config.SIM_PORT ?? DEFAULT_PORT,
    dataDir: options.data ?? join(config.DATA_DIR, 'simulator'),
    stepMs: config.SIM_STEP_MS,
    modelLoadMs: config.SIM_MODEL_LOAD_MS,
    outputRetentionMs: config.SIM_OUTPUT_RETENTION_HOURS * 3_600_000,
    logger,
    ...(models ? { models } : {}),
  });
  logger.info({ url: simulator.url, ws: simulator.wsUrl }, 'simulator listens');
  process.send?.({ ready: true });
  await signal;
  await simulator.close();
}

async function readModels(file: string): Promise<Record<string, string[]>> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Record<string, string[]>;
  } catch (error) {
    throw new OrchestratorError(
      'configuration',
      `--models ${file}: ${messageOf(error)}. Give a JSON file such as {"checkpoints": ["a.safetensors"]}.`,
      { cause: error },
    );
  }
}
