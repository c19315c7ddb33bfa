export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** Marker, length, precision, height and width of a frame header. */
const FRAME_HEADER_BYTES = 9;
const isStartOfFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
const isWithoutLength = (marker: number): boolean =>
  marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);

/**
 * Finds the size of a JPEG in its bytes as they pass, whatever stands before its frame header (ITU-T T.81, B.1.1.4), and
 * holds no more than one header of them.
 */
export function createJpegSize(): {
  read(chunk: Buffer): void;
  size(): PictureSize | undefined;
} {
  let held = Buffer.alloc(0);
  let skip = 0;
  let isOver = false;
  let found: PictureSize | undefined;

  /** Takes one marker off the front; false when more bytes are needed or nothing is left to find. */
  const step = (): boolean => {
    if (held.length < 2) return false;
    const marker = held.readUInt8(1);
    if (held.readUInt8(0) !== 0xff) isOver = true;
    else if (marker === 0xff) skip = 1;
    else if (isWithoutLength(marker)) skip = 2;
    else if (held.length < FRAME_HEADER_BYTES) return false;
    else if (isStartOfFrame(marker)) {
      found = { height: held.readUInt16BE(5), width: held.readUInt16BE(7) };
      isOver = true;
    } else if (marker === 0xda || marker === 0xd9) isOver = true;
    else skip = 2 + Math.max(2, held.readUInt16BE(2));
    return !isOver;
  };

  return {
    read(chunk) {
      let rest = chunk;
      while (!isOver && rest.length > 0) {
        if (skip > 0 && held.length === 0) {
          const passed = Math.min(skip, rest.length);
          skip -= passed;
          rest = rest.subarray(passed);
          continue;
        }
        const taken = rest.subarray(0, FRAME_HEADER_BYTES - held.length);
        held = Buffer.concat([held, taken]);
        rest = rest.subarray(taken.length);
        while (step()) {
          const passed = Math.min(skip, held.length);
          held = held.subarray(passed);
          skip -= passed;
          if (skip > 0) break;
        }
      }
    },
    size: () => found,
  };
}
