import { setMaxListeners } from 'node:events';
import type { Config } from '../../config.ts';
import { createComfyExecutor } from '../../executors/comfyui/executor.ts';
import { silentLogger } from '../../telemetry.ts';
import { DEADLINE_MS, Unwell, finding, type Finding } from './finding.ts';

type ComfyConfig = Pick<Config, 'COMFY_HTTP_URL' | 'COMFY_WS_URL' | 'COMFY_SERVER_ID'>;

/** The ComfyUI server that is configured: whether it answers as one, and with which models. */
export function checkComfy(config: ComfyConfig): Promise<Finding> {
  const { COMFY_HTTP_URL: url } = config;
  if (url === undefined)
    return finding('ComfyUI', '', async () => 'simulated (COMFY_HTTP_URL is not set)');
  return finding(
    'ComfyUI',
    `Start ComfyUI there (python main.py --listen), check with curl ${new URL(url).origin}/system_stats, or unset COMFY_HTTP_URL to simulate.`,
    () => askServer(url, config),
  );
}

async function askServer(url: string, config: ComfyConfig): Promise<string> {
  const executor = createComfyExecutor({
    serverId: config.COMFY_SERVER_ID,
    httpUrl: url,
    ...(config.COMFY_WS_URL ? { wsUrl: config.COMFY_WS_URL } : {}),
    clientId: 'doctor',
    requestTimeoutMs: DEADLINE_MS,
    logger: silentLogger,
  });
  const { origin } = new URL(url);
  try {
    const signal = AbortSignal.timeout(2 * DEADLINE_MS);
    // One listener for each of its questions; Node warns above ten.
    setMaxListeners(0, signal);
    const report = await executor.probe(signal);
    if (!report.reachable) throw new Error(report.error ?? `no answer from ${origin}`);
    if (report.version === undefined && (report.nodeClasses ?? []).length === 0)
      throw new Unwell(
        `what answers at ${origin} is no ComfyUI`,
        'Set COMFY_HTTP_URL to the address of a ComfyUI server (usually port 8188), or unset it to simulate.',
      );
    const models =
      (report.files?.['checkpoints']?.length ?? 0) +
      (report.files?.['diffusion_models']?.length ?? 0);
    return `${report.version ?? 'unknown version'} at ${origin} on ${report.device ?? 'unknown device'}, ${models} models to draw with`;
  } finally {
    await executor.close();
  }
}
