import type { Config } from '../config.ts';
import { choosePort } from './ports.ts';

export const LOOPBACK = '127.0.0.1';
const DEFAULT_PORTS = {
  PORT: 3_000,
  POSTGRES_PORT: 5_433,
  TEMPORAL_PORT: 7_233,
  TEMPORAL_UI_PORT: 8_233,
  SIM_PORT: 8_188,
} as const;

export type Ports = Record<keyof typeof DEFAULT_PORTS, number>;

/** One port for every part; set ones as they are, others the next free one. Throws `configuration` for a set port that is taken. */
export async function choosePorts(config: Config): Promise<Ports> {
  const taken = new Set<number>();
  const ports: Partial<Ports> = {};
  for (const [name, preferred] of Object.entries(DEFAULT_PORTS) as [keyof Ports, number][]) {
    const explicit = config[name];
    const host = name === 'PORT' ? config.HOST : LOOPBACK;
    const port = await choosePort({
      name,
      host,
      preferred: explicit ?? preferred,
      explicit: explicit !== undefined,
      taken,
    });
    taken.add(port);
    ports[name] = port;
  }
  return ports as Ports;
}
