/** One line of progress for a person who waits: bytes for a download, a running clock for a build. */
export interface ProgressEvent {
  readonly step: 'check' | 'wait' | 'download' | 'unpack' | 'build';
  readonly message: string;
  readonly elapsedMs: number;
  readonly doneBytes?: number;
  readonly totalBytes?: number;
}

export type ReportProgress = (event: ProgressEvent) => void;

/** `75 s` as `1:15`. */
export const formatClock = (elapsedMs: number): string => {
  const seconds = Math.floor(elapsedMs / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
};

/** Bytes as megabytes with one decimal. */
export const formatMegabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
