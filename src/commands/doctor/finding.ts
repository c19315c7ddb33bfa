import { messageOf } from '../../errors.ts';

/** Outcome of one check; `todo` is the next action when it is not well. */
export interface Finding {
  readonly what: string;
  readonly well: boolean;
  readonly says: string;
  readonly todo?: string;
}

/** Thrown by a check that knows a better next action than the general one. */
export class Unwell extends Error {
  readonly todo: string;

  constructor(says: string, todo: string) {
    super(says);
    this.todo = todo;
  }
}

/** Runs a check: what it returns is said, what it throws is wrong. */
export async function finding(
  what: string,
  todo: string,
  look: () => Promise<string>,
): Promise<Finding> {
  try {
    return { what, well: true, says: await look() };
  } catch (error) {
    const says = messageOf(error).trim();
    return { what, well: false, says, todo: error instanceof Unwell ? error.todo : todo };
  }
}

/** Longest wait for an answer of a part. */
export const DEADLINE_MS = 5_000;
