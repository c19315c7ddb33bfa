/** What a simulator has drawn, by its own log. */
export interface Execution {
  readonly promptId: string;
  /** ISO 8601, with milliseconds. */
  readonly startedAt: string;
  /** Absent while it is drawn. */
  readonly endedAt?: string;
}

/** Oldest first, the last 10,000 since the process began. Throws when it does not answer. */
export async function readExecutions(comfyUrl: string): Promise<Execution[]> {
  const answer = await fetch(`${comfyUrl}/sim/executions`);
  if (!answer.ok) throw new Error(`${answer.url} answered ${answer.status}`);
  return ((await answer.json()) as { executions: Execution[] }).executions;
}
