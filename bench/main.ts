/** `npm run bench`: runs the scenarios one after the other and prints one table. */
import { rmSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { ENGINES, startBenchStack, type BenchStack, type EngineName } from './bench-stack.ts';
import { cancels } from './cancels.ts';
import { comfyBacklog } from './comfy-backlog.ts';
import { deepStore } from './deep.ts';
import { dynamicConfig } from './dynamic-config.ts';
import { graphBuilding } from './graph-building.ts';
import { historyCost } from './history-cost.ts';
import { idleGap } from './idle-gap.ts';
import { largeBatch } from './large-batch.ts';
import { latency } from './latency.ts';
import { limits } from './limits.ts';
import { longPolls } from './long-polls.ts';
import { order } from './order.ts';
import { partStarts } from './part-starts.ts';
import { recovery } from './recovery.ts';
import { requests } from './requests.ts';
import type { Scenario } from './scenario.ts';
import { severalServers } from './several-servers.ts';
import { simulatorLoad } from './simulator-load.ts';
import { startUp } from './start-up.ts';
import { formatTable, isWithin, ratioOf, type Figure } from './table.ts';
import { throughput } from './throughput.ts';
import { traffic } from './traffic.ts';
import { warmModels } from './warm-models.ts';

// Those that do not share the stack come before the first that starts it.
const SCENARIOS: readonly Scenario[] = [
  startUp,
  graphBuilding,
  simulatorLoad,
  comfyBacklog,
  warmModels,
  severalServers,
  recovery,
  idleGap,
  cancels,
  deepStore,
  partStarts,
  order,
  latency,
  throughput,
  requests,
  limits,
  traffic,
  longPolls,
  largeBatch,
  dynamicConfig,
  historyCost,
];

const say = (text: string): void => void process.stderr.write(`${text}\n`);
const print = (text: string): void => void process.stdout.write(`${text}\n`);

function parseNames(text: string): readonly Scenario[] {
  return text.split(',').map((name) => {
    const found = SCENARIOS.find((scenario) => scenario.name === name.trim());
    if (found) return found;
    const known = SCENARIOS.map((scenario) => scenario.name).join(', ');
    throw new InvalidArgumentError(`there is no scenario '${name}'; there are ${known}`);
  });
}

function parseWhole(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected a whole number above 0');
}

interface Options {
  readonly only?: readonly Scenario[];
  readonly quick: boolean;
  readonly engine: EngineName;
  readonly size: number;
  readonly room?: number;
  readonly priorityAge?: number;
  readonly comfyui?: string;
  readonly checkpoint: string;
  readonly json?: string;
  readonly profile?: string;
}

const about = SCENARIOS.map(({ name, about: text }) => `  ${name.padEnd(16)}${text}`).join('\n');
const program = new Command('npm run bench --')
  .description(
    'Measures the built program on a PostgreSQL, a Temporal server and a simulator of its own in a temporary folder. ' +
      'Nothing else should run meanwhile.',
  )
  .option('--only <names>', 'scenarios to run, separated by commas (default: all)', parseNames)
  .option('--quick', 'short rounds, to see that everything runs', false)
  .addOption(
    new Option('--engine <name>', "Temporal's data: a file of the dev server, or PostgreSQL")
      .choices(ENGINES)
      .default('dev'),
  )
  .option('--size <pixels>', 'width and height of the pictures', parseWhole, 64)
  .option(
    '--room <jobs>',
    'COMFY_ROOM: jobs given to the simulator at a time (default: auto)',
    parseWhole,
  )
  .option(
    '--priority-age <seconds>',
    'PRIORITY_AGE_SECONDS in deep: above 600, no waiting job moves up meanwhile',
    parseWhole,
  )
  .addOption(
    new Option('--comfyui <url>', 'a real ComfyUI for the scenario of that name').env(
      'COMFY_BENCH_URL',
    ),
  )
  .addOption(
    new Option('--checkpoint <file>', 'an SD1 checkpoint which that ComfyUI lists')
      .env('COMFY_BENCH_CHECKPOINT')
      .default('tiny-sd15.safetensors'),
  )
  .option('--json <file>', 'also writes the figures to this file')
  .option('--profile <folder>', 'writes V8 CPU profiles of api and worker there')
  .addHelpText('after', `\nScenarios:\n${about}`)
  .parse();
const options = program.opts<Options>();

const loadNow = (): string =>
  loadavg()
    .map((value) => value.toFixed(2))
    .join(' ');

async function runScenarios(dir: string): Promise<Figure[]> {
  let stack: Promise<BenchStack> | undefined;
  const context = {
    ...{ quick: options.quick, size: options.size, engine: options.engine },
    ...{ room: options.room, priorityAge: options.priorityAge, dir, say },
    ...(options.comfyui
      ? { realComfy: { url: options.comfyui, checkpoint: options.checkpoint } }
      : {}),
    stack: () =>
      (stack ??= startBenchStack({
        dir: join(dir, 'stack'),
        engine: options.engine,
        room: options.room,
        say,
        ...(options.profile ? { profileDir: resolve(options.profile) } : {}),
      })),
  };
  try {
    const figures: Figure[] = [];
    for (const scenario of options.only ?? SCENARIOS)
      for (const figure of await scenario.run(context))
        figures.push({ ...figure, scenario: scenario.name });
    return figures;
  } finally {
    await (await stack)?.stop();
  }
}

async function bench(): Promise<void> {
  const before = loadNow();
  const figures = await runScenarios(dir);
  const machine = {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    node: process.version,
    loadBefore: before,
    loadAfter: loadNow(),
  };
  print(`\n${formatTable(figures)}\n`);
  print(
    `${machine.cores} cores (${machine.cpu}), Node ${machine.node}; load average ${machine.loadBefore} before, ${machine.loadAfter} after`,
  );
  print(
    `pictures ${options.size}×${options.size}, 1 step of no duration, COMFY_ROOM=${options.room ?? 'auto'}, Temporal on ${options.engine === 'dev' ? 'the dev server' : 'PostgreSQL'}; reference, where the row names none: four empty activities, same server, in turns`,
  );
  if (options.json !== undefined) {
    const rows = figures.map((figure) => ({
      ...figure,
      ratio: ratioOf(figure),
      within: isWithin(figure),
    }));
    const { size, engine, quick } = options;
    const settings = { size, engine, room: options.room ?? 'auto', quick };
    await writeFile(
      options.json,
      `${JSON.stringify({ machine, settings, figures: rows }, null, 2)}\n`,
    );
  }
}

// The parts are ended, and their folder removed, on the way out of the process.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
// Every part of a stack listens for the end of this process.
process.setMaxListeners(50);
const dir = await mkdtemp(join(tmpdir(), 'orchestrator-bench-'));
process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
await bench();
