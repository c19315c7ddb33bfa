import type { Scenario } from './scenario.ts';

/** How long each part takes until it is ready; they are started one after the other on an empty folder. */
export const partStarts: Scenario = {
  name: 'part-starts',
  about: 'each part of the stack to ready, on an empty folder',
  async run({ stack: startStack, say }) {
    say('part-starts: one part after the other');
    const { readyMs } = await startStack();
    return Object.entries(readyMs).map(([part, ms]) => ({
      what: `${part} to ready, empty folder`,
      unit: 's',
      ours: ms / 1_000,
    }));
  },
};
