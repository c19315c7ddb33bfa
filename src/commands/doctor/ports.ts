import type { Config } from '../../config.ts';
import { assertPortFree, isPortFree } from '../../dev/ports.ts';
import { DEFAULT_PORTS, hostOf, portsToOpen } from '../../dev/stack-ports.ts';
import { messageOf } from '../../errors.ts';
import { finding, type Finding } from './finding.ts';

/** The ports `npm start` would open: set ones must be free, defaults may move. */
export const checkPorts = (config: Config): Promise<Finding> =>
  finding('Ports', 'Stop what holds it, set another one, or unset it.', async () => {
    const needed = portsToOpen(config);
    const wrong: string[] = [];
    const says: string[] = [];
    for (const name of needed) {
      const host = hostOf(name, config);
      const set = config[name];
      if (set === 0) says.push(`${name} any`);
      else if (set !== undefined)
        await assertPortFree(host, set, name).then(
          () => says.push(`${name} ${set} free`),
          (error: unknown) => wrong.push(messageOf(error)),
        );
      else if (!(await isPortFree(host, DEFAULT_PORTS[name])))
        says.push(`${DEFAULT_PORTS[name]} is taken, ${name} will be the next free one`);
    }
    if (wrong.length > 0) throw new Error(wrong.join('\n  '));
    return says.length === 0 ? 'the default ones are free' : says.join('; ');
  });
