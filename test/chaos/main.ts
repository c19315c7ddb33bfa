/** `npm run test:chaos`: kills, stops and cuts off the parts of a running stack, then proves that nothing was lost. */
import { rmSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { findTemporalBinary } from '../../bench/bench-stack.ts';
import { CLI } from '../../bench/node-program.ts';
import { formatReport } from './report.ts';
import { runChaos } from './run-chaos.ts';

const say = (text: string): void => void process.stderr.write(`${text}\n`);

const whole =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`expected a whole number from ${least} to ${most}`);
  };

interface Options {
  readonly seed: number;
  readonly jobs: number;
  readonly kills: number;
  readonly servers: number;
  readonly lostAfter: number;
  readonly report?: string;
  readonly sabotage?: 'lookup';
  readonly keep: boolean;
}

const program = new Command('npm run test:chaos --')
  .description(
    'Runs the built program (2 API, 2 cpu workers, a gpu worker per simulator) on a PostgreSQL and a Temporal server ' +
      'of its own. While jobs run, parts are killed (-9), stopped, cut off, drained, in an order and at moments ' +
      'that the seed decides. Exit code 0: nothing lost, nothing drawn twice without need, nothing left behind.',
  )
  .option('--seed <number>', 'decides jobs and disturbances', whole(0, 2 ** 32), 1)
  .option('--jobs <count>', 'jobs to submit', whole(1, 100_000), 1_000)
  .option(
    '--kills <count>',
    'kill -9s; half as many stops, cuts and drains come on top, and each server loses two answers',
    whole(0, 10_000),
    50,
  )
  .option('--servers <count>', 'simulators, each with its gpu worker', whole(1, 64), 4)
  .option('--lost-after <seconds>', 'SERVER_LOST_AFTER_SECONDS of the run', whole(10, 600), 30)
  .option('--report <file>', 'also writes the report to this file')
  .addOption(
    new Option('--sabotage <what>', 'breaks the product on purpose; the run must fail').choices([
      'lookup',
    ]),
  )
  .option('--keep', 'leaves logs and data in the temporary folder', false)
  .parse();
const options = program.opts<Options>();

// The parts are ended, and their folder removed, on the way out of the process.
process.setMaxListeners(0);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
const dir = await mkdtemp(join(tmpdir(), 'orchestrator-chaos-'));
process.once('exit', () => {
  if (options.keep) say(`logs and data: ${dir}`);
  else rmSync(dir, { recursive: true, force: true });
});

const schedule = {
  seed: options.seed,
  jobs: options.jobs,
  kills: options.kills,
  servers: options.servers,
  apis: 2,
  cpuWorkers: 2,
  lostAfterMs: options.lostAfter * 1_000,
  withLongOutages: true,
};
const run = await runChaos({
  ...schedule,
  dir,
  temporalBinary: await findTemporalBinary(say),
  program: [CLI],
  sabotage: options.sabotage,
  stuckAfterMs: 300_000,
  onProgress: say,
});
const report = formatReport(schedule, run);
process.stdout.write(`\n${report}\n`);
if (options.report !== undefined) await writeFile(options.report, report);
process.exitCode = run.verdict.findings.length === 0 ? 0 : 1;
