import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { choosePort, ephemeralPort, findPortHolder, isPortFree, startOnFreePort } from './ports.ts';

const host = '127.0.0.1';
let holder: Server;
let taken: number;

beforeEach(async () => {
  holder = createServer();
  await new Promise<void>((done) => holder.listen(0, host, done));
  taken = (holder.address() as AddressInfo).port;
});

afterEach(async () => {
  await new Promise((done) => holder.close(done));
});

it('moves on from a default port that is taken', async () => {
  const port = await choosePort({ preferred: taken, explicit: false, host, name: 'PORT' });
  expect(port).toBeGreaterThan(taken);
  expect(await isPortFree(host, port)).toBe(true);
});

it('passes over ports that are promised to another part', async () => {
  const preferred = await ephemeralPort(host);
  const port = await choosePort({
    ...{ preferred, explicit: false, host, name: 'PORT' },
    taken: new Set([preferred]),
  });
  expect(port).toBeGreaterThan(preferred);
});

it('keeps an explicit port that is free and lets the system pick for 0', async () => {
  const free = await ephemeralPort(host);
  expect(await choosePort({ preferred: free, explicit: true, host, name: 'PORT' })).toBe(free);
  expect(await choosePort({ preferred: 0, explicit: true, host, name: 'PORT' })).toBeGreaterThan(0);
});

it('refuses an explicit port that is taken, naming variable, port and holder', async () => {
  const choice = choosePort({ preferred: taken, explicit: true, host, name: 'TEMPORAL_PORT' });
  await expect(choice).rejects.toMatchObject({ code: 'configuration' });
  await expect(choice).rejects.toThrow(`TEMPORAL_PORT: port ${taken} on ${host} is taken by`);
  if (process.platform === 'linux') await expect(choice).rejects.toThrow(`process ${process.pid}`);
});

it.runIf(process.platform === 'linux')('finds the process that listens', async () => {
  expect(await findPortHolder(taken)).toBe(process.pid);
  expect(await findPortHolder(await ephemeralPort(host))).toBeUndefined();
});

it('chooses again when another process was quicker to open the port', async () => {
  const preferred = await ephemeralPort(host);
  const thief = createServer();
  const seen: number[] = [];
  const options = { preferred, explicit: false, host, name: 'PORT' };
  const port = await startOnFreePort(options, async (chosen) => {
    seen.push(chosen);
    if (seen.length > 1) return chosen;
    await new Promise<void>((done) => thief.listen(chosen, host, done));
    throw new Error('address already in use');
  });
  thief.close();
  expect(seen[0]).toBe(preferred);
  expect(port).toBeGreaterThan(preferred);
  await expect(
    startOnFreePort(options, () => Promise.reject(new Error('bad file'))),
  ).rejects.toThrow('bad file');
});
