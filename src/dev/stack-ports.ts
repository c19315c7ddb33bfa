import type { Config } from '../config.ts';
import { assertPortFree, startOnFreePort } from './ports.ts';

export const LOOPBACK = '127.0.0.1';

/** Ports that are tried first where none is set. */
export const DEFAULT_PORTS = {
  PORT: 3_000,
  POSTGRES_PORT: 5_433,
  TEMPORAL_PORT: 7_233,
  TEMPORAL_UI_PORT: 8_233,
  SIM_PORT: 8_188,
} as const;

export type PortName = keyof typeof DEFAULT_PORTS;

type PortConfig = Pick<Config, PortName | 'HOST'>;

/** The variables of the ports that this configuration makes us open. */
export const portsToOpen = (
  config: Pick<Config, 'DATABASE_URL' | 'TEMPORAL_ADDRESS' | 'simulation'>,
): PortName[] => [
  'PORT',
  ...(config.DATABASE_URL === undefined ? (['POSTGRES_PORT'] as const) : []),
  ...(config.TEMPORAL_ADDRESS === undefined
    ? (['TEMPORAL_PORT', 'TEMPORAL_UI_PORT'] as const)
    : []),
  ...(config.simulation ? (['SIM_PORT'] as const) : []),
];

/** The address that the port of this variable is opened on. */
export const hostOf = (name: PortName, config: Pick<Config, 'HOST'>): string =>
  name === 'PORT' ? config.HOST : LOOPBACK;

export interface StackPorts {
  /** Throws `configuration` when a set port is taken, before anything is started. */
  assertSetPortsFree(names: readonly PortName[]): Promise<void>;
  /** Starts a part on its port: the set one, else the default or the next free one, also when others start at the same moment. */
  open<T>(name: PortName, start: (port: number) => Promise<T>): Promise<T>;
  /** `, 3000 was taken` for a part that had to move, else an empty string. */
  moved(name: PortName): string;
}

/** Hands out the ports of one stack. */
export function createStackPorts(config: PortConfig): StackPorts {
  const isSet = (name: PortName): boolean => config[name] !== undefined && config[name] !== 0;
  const names = Object.keys(DEFAULT_PORTS) as PortName[];
  const taken = new Set(names.filter(isSet).map((name) => config[name] ?? 0));
  const chosen = new Map<PortName, number>();
  return {
    async assertSetPortsFree(needed) {
      for (const name of needed.filter(isSet))
        await assertPortFree(hostOf(name, config), config[name] ?? 0, name);
    },
    open: (name, start) =>
      startOnFreePort(
        {
          name,
          host: hostOf(name, config),
          preferred: config[name] ?? DEFAULT_PORTS[name],
          explicit: isSet(name),
          taken,
        },
        (port) => {
          taken.add(port);
          chosen.set(name, port);
          return start(port);
        },
      ),
    moved: (name) =>
      config[name] === undefined && chosen.get(name) !== DEFAULT_PORTS[name]
        ? `, ${DEFAULT_PORTS[name]} was taken`
        : '',
  };
}
