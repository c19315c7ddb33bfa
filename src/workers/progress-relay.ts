import type { LeaseName, Logger, Preview, Progress, ProgressReporter } from '../ports.ts';
import { messageOf } from '../errors.ts';

/** What collect tells of a drawing. Costs nothing where it is called. */
export interface ProgressRelay {
  progress(lease: LeaseName, progress: Progress): void;
  preview(lease: LeaseName, preview: Preview): void;
  /** The drawing is over: nothing more is sent of it. */
  end(lease: LeaseName): void;
}

interface Drawing {
  readonly lease: LeaseName;
  latest: Progress;
  preview: Preview | undefined;
  isNew: boolean;
  timer: NodeJS.Timeout | undefined;
}

/** A drawing that takes less than this is never reported, and none is reported more often. In ms. */
const EVERY_MS = 1_000;

/**
 * Sends the newest progress and preview of each drawing, once a second at most and one at a time; what comes between is
 * overwritten. A report that fails is not repeated: the next one says more.
 */
export function createProgressRelay(deps: {
  readonly reporter: ProgressReporter;
  readonly logger: Logger;
  readonly everyMs?: number;
}): ProgressRelay {
  const { reporter, logger, everyMs = EVERY_MS } = deps;
  const drawings = new Map<string, Drawing>();

  const send = async (drawing: Drawing): Promise<void> => {
    const { lease, latest, preview } = drawing;
    drawing.isNew = false;
    drawing.preview = undefined;
    try {
      await reporter.reportProgress({
        serverId: lease.serverId,
        promptId: lease.promptId,
        fraction: latest.fraction,
        ...(latest.node === undefined ? {} : { node: latest.node }),
        ...(preview === undefined ? {} : { preview }),
      });
    } catch (error) {
      logger.debug({ promptId: lease.promptId, error: messageOf(error) }, 'progress not reported');
    }
    if (drawings.get(lease.promptId) === drawing) wait(drawing);
  };

  const wait = (drawing: Drawing): void => {
    drawing.timer = setTimeout(() => {
      if (drawing.isNew) void send(drawing);
      else wait(drawing);
    }, everyMs);
    drawing.timer.unref();
  };

  const drawingOf = (lease: LeaseName): Drawing => {
    const known = drawings.get(lease.promptId);
    if (known) return known;
    const drawing: Drawing = {
      lease,
      latest: { fraction: 0 },
      preview: undefined,
      isNew: false,
      timer: undefined,
    };
    drawings.set(lease.promptId, drawing);
    wait(drawing);
    return drawing;
  };

  return {
    progress(lease, progress) {
      const drawing = drawingOf(lease);
      drawing.latest = progress;
      drawing.isNew = true;
    },
    preview(lease, preview) {
      const drawing = drawingOf(lease);
      drawing.preview = preview;
      drawing.isNew = true;
    },
    end({ promptId }) {
      clearTimeout(drawings.get(promptId)?.timer);
      drawings.delete(promptId);
    },
  };
}
