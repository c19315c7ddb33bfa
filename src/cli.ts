#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { loadConfig, type Config } from './config.ts';
import type { Role } from './commands/role.ts';
import { SIMULATOR_HELP } from './commands/simulator-help.ts';
import type { SimulatorCommandOptions } from './commands/simulate.ts';
import type { KeyOptions } from './commands/keys.ts';
import type { TenantOptions } from './commands/tenants.ts';
import { isOrchestratorError, messageOf } from './errors.ts';
import { endSoon } from './lifecycle.ts';
import { createLogger } from './telemetry.ts';

// Commands are loaded when they run: a role does not pay for the code of the others.

const ABOUT: Record<Role, string> = {
  api: 'the HTTP API, against an existing PostgreSQL and Temporal',
  worker: 'the workers (cpu and gpu), against an existing PostgreSQL and Temporal',
  'worker-cpu': 'workflows, prepare, placement and clean-up only',
  'worker-gpu':
    'submit and collect at ComfyUI servers only; needs no database with API_URL and WORKER_KEY',
  monolith: 'API and workers in one process, against an existing PostgreSQL and Temporal',
};

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const config = (change: NodeJS.ProcessEnv = {}) => loadConfig({ ...process.env, ...change });
// What the shell has set wins over the file.
if (existsSync('.env')) process.loadEnvFile('.env');

const program = new Command('orchestrator')
  .description('A durable, self-hosted drop-in for Civitai’s generation orchestrator.')
  .showHelpAfterError()
  .addHelpText('after', '\nSettings come from environment variables; the README has the table.');

/** The launcher itself says little; its parts log at the level that is set. */
const launch = () => {
  const values = config();
  const logger = createLogger({ ...values, LOG_LEVEL: quieter(values.LOG_LEVEL) }, 'stack');
  return { config: values, env: process.env, print, logger };
};
const quieter = (level: Config['LOG_LEVEL']): Config['LOG_LEVEL'] =>
  level === 'info' ? 'warn' : level;

program
  .command('start')
  .description(
    'the whole stack on this machine; brings PostgreSQL, Temporal and a ComfyUI simulator where none is configured',
  )
  .action(async () => {
    const { runStart } = await import('./commands/stack.ts');
    await runStart({ ...launch(), onLine: print });
  });

program
  .command('dev')
  .description('like start; API and workers start again whenever a source file changes')
  .option('--watch <folder>', 'folder whose files are watched (default: the sources)')
  .action(async ({ watch }: { watch?: string }) => {
    const { runDev } = await import('./commands/stack.ts');
    await runDev({ ...launch(), onLine: print }, watch);
  });

program
  .command('demo')
  .description(
    'one picture through the official client on a stack of its own, then stops everything',
  )
  .option('--out <file>', 'where the picture lands', 'demo.png')
  .action(async ({ out }: { out: string }) => {
    const { runDemo } = await import('./commands/demo.ts');
    await runDemo(launch(), out);
  });

program
  .command('doctor')
  .description(
    'checks Node, PostgreSQL, Temporal, ComfyUI, storage and ports; exit code 0 when all is well',
  )
  .action(async () => {
    const { runDoctor } = await import('./commands/doctor.ts');
    if (!(await runDoctor(config(), process.env, print))) process.exitCode = 1;
  });

for (const [role, about] of Object.entries(ABOUT) as [Role, string][]) {
  const command = program.command(role).description(about);
  if (role !== 'api' && role !== 'worker-cpu')
    command.option('--servers <ids>', 'which of COMFY_SERVERS to work at: a,b (default: all)');
  command.action(async ({ servers }: { servers?: string }) => {
    const { runRole } = await import('./commands/serve.ts');
    const values = config(servers === undefined ? {} : { COMFY_SERVE: servers });
    await runRole(role, values, createLogger(values, role));
  });
}

program
  .command('simulator')
  .description('a ComfyUI-protocol server that draws real PNGs without a GPU')
  .option('--port <port>', 'port to listen on, 0 for any (default: SIM_PORT or 8188)')
  .option('--host <address>', 'address to bind to', '127.0.0.1')
  .option('--data <folder>', 'where its files lie (default: DATA_DIR/simulator)')
  .option(
    '--models <path>',
    'JSON file (model folder → file names), or a folder like ComfyUI’s models',
  )
  .option('--faults <json>', 'faults that wait from the start, as POST /sim/faults takes them')
  .option('--comfy-version <version>', 'release whose manners it shows: 0.3.64, 0.10.0 or 0.38.1')
  .option('--execution-log <file>', 'appends every execution as a line of JSON')
  .addHelpText('after', SIMULATOR_HELP)
  .action(async (options: SimulatorCommandOptions) => {
    const { runSimulator } = await import('./commands/simulate.ts');
    await runSimulator(config(), createLogger(config(), 'simulator'), options);
  });

const operate = () => import('./commands/operate.ts');

program
  .command('migrate')
  .description('brings the database schema up to date')
  .action(async () => (await operate()).runMigrate(config(), print));

const keys = program.command('keys').description('API keys for AUTH=keys');
const keyCommands = () => import('./commands/keys.ts');
keys
  .command('create')
  .description('makes a key and prints it once')
  .requiredOption('--tenant <name>', 'whose jobs the key sees')
  .option('--name <text>', 'what the key is for', 'default')
  .option('--catalogue', 'store the sample catalogue for this tenant', false)
  .option('--operator', 'the key may also see and change the fleet (/v1/servers)', false)
  .option('--scope <names...>', 'what the key may do, such as jobs:read (default: everything)')
  .option('--days <number>', 'the key ends after so many days (default: never)')
  .option('--requests-per-minute <number>', '0 for no limit (default: that of its tenant)')
  .action(async (options: KeyOptions) =>
    (await keyCommands()).runKeysCreate(config(), print, options),
  );
keys
  .command('list')
  .description('lists keys, never their secret')
  .action(async () => (await keyCommands()).runKeysList(config(), print));
keys
  .command('revoke <id>')
  .description('revokes a key')
  .action(async (id: string) => (await keyCommands()).runKeysRevoke(config(), print, id));
keys
  .command('rotate <id>')
  .description('makes a key on the same terms; the old one ends after the overlap')
  .option('--overlap-hours <number>', 'how long the old key stays good', '24')
  .action(async (id: string, options: { overlapHours: string }) =>
    (await keyCommands()).runKeysRotate(config(), print, id, options),
  );

const tenants = program.command('tenants').description('shares and limits of tenants');
tenants
  .command('set <tenant>')
  .description('changes what is named; "default" goes back to what the environment says')
  .option('--weight <share>', 'share of the servers beside other tenants’ weights, 0.001 to 1000')
  .option('--max-queued <jobs>', 'jobs it may have queued; more are refused with 429')
  .option('--max-running <jobs>', 'jobs it may have on servers at a time')
  .option('--max-jobs-per-day <jobs>', 'jobs it may submit a day (UTC)')
  .option('--max-stored-bytes <bytes>', 'bytes it may store; above it no more is accepted')
  .option('--requests-per-minute <number>', 'of each of its keys; 0 for no limit')
  .action(async (tenant: string, options: TenantOptions) =>
    (await import('./commands/tenants.ts')).runTenantsSet(config(), print, tenant, options),
  );
tenants
  .command('list')
  .description('lists tenants with their settings and what they use')
  .action(async () => (await import('./commands/tenants.ts')).runTenantsList(config(), print));

program
  .command('openapi')
  .description('writes the OpenAPI document')
  .option('--out <file>', 'where to', 'openapi.json')
  .action(async (options: { out: string }) =>
    (await operate()).runOpenApi(config(), print, options.out),
  );

try {
  await program.parseAsync();
} catch (error) {
  const text = isOrchestratorError(error)
    ? messageOf(error)
    : ((error as Error).stack ?? messageOf(error));
  process.stderr.write(`${text}\n`);
  process.exitCode = isOrchestratorError(error) && error.code === 'configuration' ? 2 : 1;
}
// The channel to a launcher would keep the process alive.
if (process.connected) process.disconnect();
endSoon();
