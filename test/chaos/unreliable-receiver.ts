import { startCallbackReceiver, type CallbackReceiver } from '../support/callback-receiver.ts';

/** What the first try of a delivery meets, by turns; a later one is accepted. */
const MOODS = ['fine', 'fine', 'busy', 'fine', 'answer lost', 'fine', 'fine', 'silent'] as const;

/** Receives callbacks beside the stack, and does what receivers do: fails, forgets to answer, loses its answer. */
export async function startUnreliableReceiver(): Promise<CallbackReceiver> {
  const receiver = await startCallbackReceiver();
  const seen = new Set<string>();
  receiver.answer(({ id }, response) => {
    const mood = seen.has(id) ? 'fine' : MOODS[seen.size % MOODS.length];
    seen.add(id);
    if (mood === 'busy') return 503;
    if (mood === 'silent') return undefined;
    // Taken, and the sender does not learn of it.
    if (mood === 'answer lost') response.destroy();
    return 204;
  });
  return receiver;
}
