/** Serialises what is done to one prompt in this process: a withdraw never overtakes the submit it follows. */
export interface PromptLocks {
  run<T>(promptId: string, action: () => Promise<T>): Promise<T>;
}

export function createPromptLocks(): PromptLocks {
  const tails = new Map<string, Promise<unknown>>();
  return {
    async run(promptId, action) {
      const before = tails.get(promptId) ?? Promise.resolve();
      const mine = before.then(action, action);
      tails.set(promptId, mine);
      try {
        return await mine;
      } finally {
        if (tails.get(promptId) === mine) tails.delete(promptId);
      }
    },
  };
}
