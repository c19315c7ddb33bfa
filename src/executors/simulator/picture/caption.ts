import type { Bitmap, Rgb } from './bitmap.ts';
import { GLYPH_HEIGHT, GLYPH_WIDTH, glyphInk, toPrintable, wrapText } from './font.ts';

const drawText = (
  bitmap: Bitmap,
  text: string,
  left: number,
  top: number,
  scale: number,
  colour: Rgb,
): void => {
  const { width, height, data } = bitmap;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    const start = left + index * (GLYPH_WIDTH + 1) * scale;
    for (let y = 0; y < GLYPH_HEIGHT * scale; y++) {
      for (let x = 0; x < GLYPH_WIDTH * scale; x++) {
        if (!glyphInk(code, Math.floor(x / scale), Math.floor(y / scale))) continue;
        if (start + x >= width || top + y >= height) continue;
        data.set(colour, ((top + y) * width + start + x) * 3);
      }
    }
  }
};

const darken = (bitmap: Bitmap, from: number): void => {
  const { width, data } = bitmap;
  for (let at = from * width * 3; at < data.length; at += 3) {
    data[at] = ((data[at] ?? 0) * 56 + 13 * 200) >> 8;
    data[at + 1] = ((data[at + 1] ?? 0) * 56 + 16 * 200) >> 8;
    data[at + 2] = ((data[at + 2] ?? 0) * 56 + 26 * 200) >> 8;
  }
};

export interface CaptionText {
  readonly prompt: string;
  /** Short facts, the most important first; shown as far as there is room. */
  readonly facts: readonly string[];
}

/** Writes a band at the bottom: the prompt, wrapped, over the facts. Below 24 pixels nothing is written. */
export const paintCaption = (bitmap: Bitmap, text: CaptionText, accent: Rgb): void => {
  const { width, height } = bitmap;
  const scale = Math.max(1, Math.round(Math.min(width, height) / 320));
  const line = (GLYPH_HEIGHT + 2) * scale;
  const margin = Math.max(2, Math.round(Math.min(width / 48, 5 * scale)));
  const columns = Math.floor((width - 2 * margin) / ((GLYPH_WIDTH + 1) * scale));
  const room = Math.floor((height * 0.34 - 2 * margin) / line);
  if (room < 1 || columns < 6) return;
  const facts = text.facts.map((fact) => toPrintable(fact).slice(0, columns));
  const factLines = facts.slice(0, Math.max(1, Math.min(facts.length, room - 1)));
  const prompt = wrapText(toPrintable(text.prompt), columns, Math.min(3, room - factLines.length));
  const band = (prompt.length + factLines.length) * line + 2 * margin;
  const from = Math.max(0, height - band);
  darken(bitmap, from);
  for (let y = from; y < from + Math.max(1, scale >> 1); y++) {
    for (let x = 0; x < width; x++) bitmap.data.set(accent, (y * width + x) * 3);
  }
  prompt.forEach((words, index) => {
    drawText(bitmap, words, margin, from + margin + scale + index * line, scale, [244, 244, 248]);
  });
  factLines.forEach((words, index) => {
    const top = from + margin + scale + (prompt.length + index) * line;
    drawText(bitmap, words, margin, top, scale, [168, 178, 200]);
  });
};
