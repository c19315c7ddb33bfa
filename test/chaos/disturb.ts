import { setTimeout as delay } from 'node:timers/promises';
import type { ChaosServer, ChaosStack } from './chaos-stack.ts';
import type { Journal } from './journal.ts';
import { linkTo, type Disturbance } from './schedule.ts';

/** Does what the schedule says; each call resolves when everything is as before. */
export function createDisturber(stack: ChaosStack, journal: Journal) {
  const cuts = new Map<string, Promise<void>>();
  /** A cut comes after one of the same link that lasts. */
  const cut = (server: ChaosServer, ms: number): Promise<void> => {
    const mine = (cuts.get(server.id) ?? Promise.resolve()).then(async () => {
      const back = journal.begin(linkTo(server.id), 'cut off');
      await server.link.cut();
      await delay(ms);
      await server.link.restore();
      back();
    });
    cuts.set(server.id, mine);
    return mine;
  };
  return (disturbance: Disturbance): Promise<void> => {
    switch (disturbance.kind) {
      case 'kill':
        return stack.part(disturbance.part).kill(disturbance.ms);
      case 'stop':
        return stack.part(disturbance.part).pause(disturbance.ms);
      case 'drain':
        return stack.part(disturbance.part).drain(disturbance.ms);
      case 'cut':
        return cut(serverOf(stack, disturbance.server), disturbance.ms);
      case 'enqueue-then-drop':
      case 'enqueue-then-fail':
        return tellFault(serverOf(stack, disturbance.server), disturbance.kind);
    }
  };
}

/** A simulator that is away hears of it when it is back. */
async function tellFault({ url }: ChaosServer, kind: string): Promise<void> {
  for (;;) {
    const told = await fetch(`${url}/sim/faults`, {
      method: 'POST',
      body: JSON.stringify({ kind }),
      signal: AbortSignal.timeout(5_000),
    }).catch(() => undefined);
    if (told?.ok) return;
    await delay(500);
  }
}

function serverOf(stack: ChaosStack, id: string): ChaosServer {
  const server = stack.servers.find((one) => one.id === id);
  if (server) return server;
  throw new Error(`there is no server '${id}'`);
}
