/** The oldest ComfyUI this was run against; see docs/comfyui.md. */
export const OLDEST_COMFYUI = '0.3.64';

const numbersOf = (version: string): readonly number[] | undefined => {
  const match = /^v?(\d+)\.(\d+)(?:\.(\d+))?/.exec(version.trim());
  return match === null ? undefined : match.slice(1).map((part) => Number(part ?? 0));
};

/** True when the version is surely older than the oldest known to work; one that cannot be read is taken for new. */
export const isTooOld = (version: string, oldest: string = OLDEST_COMFYUI): boolean => {
  const seen = numbersOf(version);
  const wanted = numbersOf(oldest);
  if (seen === undefined || wanted === undefined) return false;
  for (const [index, number] of wanted.entries()) {
    const other = seen[index] ?? 0;
    if (other !== number) return other < number;
  }
  return false;
};
