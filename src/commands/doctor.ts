/** `doctor`: what is wrong and what to do, in words. */
import type { Config } from '../config.ts';
import type { Environment } from '../dev/stack-options.ts';
import { stackPaths } from '../dev/stack-paths.ts';
import { readRunningStack } from '../dev/stack-state.ts';
import { checkComfy } from './doctor/comfy.ts';
import { checkDatabase } from './doctor/database.ts';
import type { Finding } from './doctor/finding.ts';
import { checkFleet } from './doctor/fleet.ts';
import { checkNode, checkStorage } from './doctor/machine.ts';
import { checkPorts } from './doctor/ports.ts';
import { checkRunningStack, withAddressesOf } from './doctor/running-stack.ts';
import { checkTemporal } from './doctor/temporal.ts';

/** Prints a line per check; false when something has to be done. */
export async function runDoctor(
  config: Config,
  env: Environment,
  print: (line: string) => void,
): Promise<boolean> {
  const findings = await examine(config, env);
  for (const { what, well, says, todo } of findings) {
    print(`${well ? '✓' : '✗'} ${what}: ${says}`);
    if (todo !== undefined) print(`    → ${todo}`);
  }
  const wrong = findings.filter((finding) => !finding.well).length;
  print('');
  print(
    wrong === 0
      ? 'All is well.'
      : `${wrong} of ${findings.length} ${wrong === 1 ? 'needs' : 'need'} attention.`,
  );
  return wrong === 0;
}

/** Every check; parts of a stack that runs on this DATA_DIR are asked at their addresses. */
async function examine(config: Config, env: Environment): Promise<Finding[]> {
  const stack = await readRunningStack(config.DATA_DIR);
  const seen = stack === undefined ? config : await withAddressesOf(stack, config);
  const findings = await Promise.all<Finding | readonly Finding[]>([
    checkNode(),
    ...(stack ? [checkRunningStack(stack, stackPaths(config.DATA_DIR).logs)] : []),
    checkDatabase(seen),
    checkTemporal(seen, env),
    checkComfy(seen),
    checkFleet(seen),
    checkStorage(config),
    // Its ports are its own.
    ...(stack ? [] : [checkPorts(config)]),
  ]);
  return findings.flat();
}
