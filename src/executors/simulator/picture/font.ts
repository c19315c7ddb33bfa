import { romanize } from './romanize.ts';

/** A 5×7 pixel font for printable ASCII: five column bytes a glyph, the lowest bit is the top row. 0x7f is a box. */
export const GLYPH_WIDTH = 5;
export const GLYPH_HEIGHT = 7;

const FIRST = 0x20;
const LAST = 0x7f;

const COLUMNS = Buffer.from(
  '000000000000005f00000007000700147f147f14242a7f2a12231308646236495522500005030000' +
    '001c2241000041221c0014083e081408083e08080050300000080808080800606000002010080402' +
    '3e5149453e00427f400042615149462141454b311814127f1027454545393c4a4949300171090503' +
    '3649494936064949291e003636000000563600000814224100141414141400412214080201510906' +
    '324979413e7e1111117e7f494949363e414141227f4141221c7f494949417f090909013e4149497a' +
    '7f0808087f00417f41002040413f017f081422417f404040407f020c027f7f0408107f3e4141413e' +
    '7f090909063e4151215e7f09192946464949493101017f01013f4040403f1f2040201f3f4038403f' +
    '631408146307087008076151494543007f41410002040810200041417f0004020102044040404040' +
    '000102040020545454787f484444383844444420384444487f3854545418087e0901020c5252523e' +
    '7f0804047800447d40002040443d007f1028440000417f40007c041804787c080404783844444438' +
    '7c14141408081414187c7c080404084854545420043f4440203c4040207c1c2040201c3c4030403c' +
    '44281028440c5050503c4464544c44000836410000007f0000004136080008040810087f4141417f',
  'hex',
);

/** Stands for a sign that has neither a glyph nor a spelling. */
const BOX = '\u007f';

/** No prompt is shown further than this. */
const LONGEST = 8_192;

/** Marks that combine, and signs that only steer: direction, joining, variants. */
const INVISIBLE = /[\p{M}\p{Cf}\p{Cc}]/gu;

const signs = new Intl.Segmenter('en', { granularity: 'grapheme' });

const printableSign = (sign: string): string => {
  if (/^[\u0020-\u007e]$/.test(sign)) return sign;
  if (/^\s+$/.test(sign)) return ' ';
  const whole = [...sign.normalize('NFKC')].map((part) => romanize(part)).join('');
  if (whole !== '') return whole;
  const plain = sign.normalize('NFKD').replace(INVISIBLE, '');
  if (plain === '') return '';
  const spelled = [...plain].map((part) =>
    /^[\u0020-\u007e]$/.test(part) ? part : romanize(part),
  );
  return spelled.includes(undefined) ? BOX : spelled.join('');
};

/**
 * What the font can show of a text, in reading order: accents are dropped, other scripts are spelled in Latin letters, line
 * breaks become spaces, and any other sign (Chinese characters, emoji) becomes a box.
 */
export const toPrintable = (text: string): string =>
  Array.from(signs.segment(text.slice(0, LONGEST)), ({ segment }) => printableSign(segment))
    .join('')
    .replace(/ +/g, ' ')
    .trim();

/** True where the glyph has ink at that column (0..4) and row (0..6). */
export const glyphInk = (code: number, column: number, row: number): boolean => {
  const index = code < FIRST || code > LAST ? 0x3f - FIRST : code - FIRST;
  return (((COLUMNS[index * GLYPH_WIDTH + column] ?? 0) >> row) & 1) === 1;
};

/** Breaks at spaces into at most `maxLines` lines of `columns` characters; what does not fit ends in `...`. */
export const wrapText = (text: string, columns: number, maxLines: number): string[] => {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > 0 && lines.length < maxLines) {
    if (rest.length <= columns) {
      lines.push(rest);
      return lines;
    }
    const space = rest.lastIndexOf(' ', columns);
    const end = space > columns / 3 ? space : columns;
    lines.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  const last = lines.pop();
  if (last !== undefined) {
    lines.push(rest.length > 0 ? `${last.slice(0, Math.max(0, columns - 3))}...` : last);
  }
  return lines;
};
