import { join } from 'node:path';
import { ephemeralPort } from '../src/dev/ports.ts';
import { startProcess } from '../src/dev/supervisor.ts';
import { devServerArguments } from '../src/dev/temporal-server.ts';
import { silentLogger } from '../src/telemetry.ts';
import { startBareRuns, type BareRuns } from './bare-runs.ts';
import { HOST, NAMESPACE, childEnv } from './bench-stack.ts';
import type { Scenario } from './scenario.ts';
import { quantile, timed } from './statistics.ts';

const DYNAMIC = '--dynamic-config-value';
const CONNECT_TRIES = 100;
/** Enough to use up what permits a server has gathered. */
const WARM_UP = 4;

/** Our dev server's arguments without its dynamic configuration. */
function plainArguments(dir: string, port: number): string[] {
  const dataFile = join(dir, 'temporal-plain.db');
  const all = devServerArguments({ ip: HOST, port, dataFile, searchAttributes: [] });
  return all.filter((argument, index) => argument !== DYNAMIC && all[index - 1] !== DYNAMIC);
}

/** The worker cannot connect before the server listens. */
async function untilBareRuns(start: () => Promise<BareRuns>): Promise<BareRuns> {
  for (let tries = 1; ; tries += 1)
    try {
      return await start();
    } catch (error) {
      if (tries === CONNECT_TRIES) throw error;
    }
}

/** The same bare workflow on a server without our dynamic configuration and on the stack's. */
export const dynamicConfig: Scenario = {
  name: 'dynamic-config',
  about: 'a bare workflow without and with the dynamic configuration of our dev server',
  async run({ quick, dir, stack: startStack, say }) {
    const { bare, temporalBinary } = await startStack();
    const port = await ephemeralPort(HOST);
    const server = await startProcess({
      name: 'temporal-plain',
      command: temporalBinary,
      args: plainArguments(dir, port),
      env: childEnv(),
      logFile: join(dir, 'temporal-plain.log'),
      stopTimeoutMs: 10_000,
      restart: false,
      logger: silentLogger,
    });
    try {
      const address = `${HOST}:${port}`;
      const plain = await untilBareRuns(() =>
        startBareRuns({ name: 'bare-plain', address, namespace: NAMESPACE, dir, env: childEnv() }),
      );
      try {
        const rounds = quick ? 6 : 15;
        say(`dynamic-config: ${rounds} bare workflows on each server, twice`);
        const without: number[] = [];
        const configured: number[] = [];
        // In blocks: a server that is asked only every other time has gathered permits to read its queues meanwhile.
        for (const [runs, samples] of [
          [plain, without],
          [bare, configured],
          [plain, without],
          [bare, configured],
        ] as const) {
          for (let index = 0; index < WARM_UP; index += 1) await runs.run();
          for (let index = 0; index < rounds; index += 1)
            samples.push(await timed(() => runs.run()));
        }
        return [0.5, 0.95].map((part) => ({
          what: `bare workflow p${part * 100}: our dynamic configuration against none`,
          unit: 'ms',
          ours: quantile(configured, part),
          reference: quantile(without, part),
        }));
      } finally {
        await plain.stop();
      }
    } finally {
      await server.stop();
    }
  },
};
