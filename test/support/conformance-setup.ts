/** Refuses to start without a ComfyUI that answers and has the model the suites draw with. */
const CHECKPOINT = 'tiny-sd15.safetensors';

const fail = (message: string): never => {
  process.stderr.write(`\n${message}\n`);
  process.exit(1);
};

export default async function setup(): Promise<void> {
  const url = process.env['COMFY_CONFORMANCE_URL'];
  if (url === undefined || url === '') {
    return fail(
      'COMFY_CONFORMANCE_URL is not set. Give the address of a ComfyUI for tests: COMFY_CONFORMANCE_URL=http://127.0.0.1:8188 npm run test:conformance',
    );
  }
  let listed: unknown;
  let version: unknown;
  try {
    listed = await (await fetch(new URL('/models/checkpoints', url))).json();
    const stats = (await (await fetch(new URL('/system_stats', url))).json()) as {
      system: { comfyui_version: string };
    };
    version = stats.system.comfyui_version;
  } catch (error) {
    return fail(
      `${url} does not answer as a ComfyUI does (${String(error)}). Start it, and check COMFY_CONFORMANCE_URL.`,
    );
  }
  if (!Array.isArray(listed) || !listed.includes(CHECKPOINT)) {
    return fail(`${url} lists no checkpoint ${CHECKPOINT}. docs/simulator.md says how to make it.`);
  }
  process.stdout.write(`ComfyUI ${String(version)} at ${url}\n`);
}
