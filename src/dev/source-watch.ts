import { watch } from 'node:fs';

/** Editors write a file in several steps; wait for them to be through. */
const SETTLE_MS = 200;

export interface SourceWatch {
  close(): void;
}

/** True for a file whose change concerns the running program. */
export const isSource = (name: string): boolean =>
  /\.(ts|json|sql)$/.test(name) && !/\.(test|test-support)\.ts$/.test(name);

/** Calls `changed` after sources below the folder changed: once for changes that belong together, never twice at a time. */
export function watchSources(folder: string, changed: () => Promise<void>): SourceWatch {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const watcher = watch(folder, { recursive: true }, (_event, name) => {
    if (name === null || !isSource(name)) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      running = running.then(changed);
    }, SETTLE_MS);
  });
  return {
    close() {
      clearTimeout(timer);
      watcher.close();
    },
  };
}
