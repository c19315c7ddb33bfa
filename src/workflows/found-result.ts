import { CancellationScope, defineSignal, setHandler } from '@temporalio/workflow';
import type { RescuedResult } from '../domain/job.ts';
import { FOUND_SIGNAL } from '../domain/naming.ts';

const foundSignal = defineSignal<[RescuedResult]>(FOUND_SIGNAL);

/** The picture of an attempt that was given up, should its server come back with it. */
export interface FoundResult {
  /** The first that was told. */
  result(): RescuedResult | undefined;
  /** Runs until it ends or a result is found, which cancels it. */
  during<T>(run: () => Promise<T>): Promise<T>;
}

/** Registers the handler; call before the first await. */
export function listenForFound(): FoundResult {
  let result: RescuedResult | undefined;
  let scope: CancellationScope | undefined;
  setHandler(foundSignal, (found) => {
    result ??= found;
    scope?.cancel();
  });
  return {
    result: () => result,
    async during(run) {
      scope = new CancellationScope();
      if (result) scope.cancel();
      try {
        return await scope.run(run);
      } finally {
        scope = undefined;
      }
    },
  };
}
