export interface DrawingPause {
  set(paused: boolean): void;
  /** Resolves at once unless drawing is paused; then when it goes on, or when `wake` is called. */
  wait(): Promise<void>;
  /** Lets what waits look around: it was interrupted, or the server ends. */
  wake(): void;
}

/** Holds a drawing between two sampler steps for as long as somebody wants to look at it. */
export const createDrawingPause = (): DrawingPause => {
  let isPaused = false;
  let waiting: (() => void) | undefined;
  const wake = (): void => {
    waiting?.();
    waiting = undefined;
  };
  return {
    set(paused) {
      isPaused = paused;
      if (!paused) wake();
    },
    async wait() {
      if (isPaused)
        await new Promise<void>((resolve) => {
          waiting = resolve;
        });
    },
    wake,
  };
};
