/** What a figure should be; `ratio…` compares with the reference of the same run. */
export interface Aim {
  readonly of: 'value' | 'ratio';
  readonly is: 'at most' | 'at least';
  readonly limit: number;
}

/** One measured figure. */
export interface Figure {
  readonly scenario: string;
  readonly what: string;
  readonly unit: string;
  readonly ours: number;
  /** The same of the bare workflow, or of the other side that the text names. */
  readonly reference?: number;
  readonly aim?: Aim;
  readonly note?: string;
}

export const atMost = (limit: number, of: Aim['of'] = 'value'): Aim => ({
  of,
  is: 'at most',
  limit,
});
export const atLeast = (limit: number, of: Aim['of'] = 'value'): Aim => ({
  of,
  is: 'at least',
  limit,
});

/** `ours ÷ reference`, or undefined without a reference. */
export const ratioOf = ({ ours, reference }: Figure): number | undefined =>
  reference === undefined ? undefined : ours / reference;

/** Whether the aim is met; undefined when there is none. */
export function isWithin(figure: Figure): boolean | undefined {
  const { aim, ours } = figure;
  if (!aim) return undefined;
  const value = aim.of === 'ratio' ? (ratioOf(figure) ?? Number.NaN) : ours;
  return aim.is === 'at most' ? value <= aim.limit : value >= aim.limit;
}

const digits = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
const withUnit = (value: number | undefined, unit: string): string =>
  value === undefined ? '' : !Number.isFinite(value) ? '–' : `${digits(value)} ${unit}`.trimEnd();

function aimText({ aim, unit }: Figure): string {
  if (!aim) return '';
  const limit = aim.of === 'ratio' ? `${aim.limit}×` : `${aim.limit} ${unit}`;
  return `${aim.is === 'at most' ? '≤' : '≥'} ${limit}`;
}

const HEADER = ['what', 'ours', 'reference', 'ratio', 'aim', 'within', ''] as const;

function cells(figure: Figure): string[] {
  const ratio = ratioOf(figure);
  const within = isWithin(figure);
  return [
    figure.what,
    withUnit(figure.ours, figure.unit),
    withUnit(figure.reference, figure.unit),
    ratio === undefined || !Number.isFinite(ratio) ? '' : `${ratio.toFixed(2)}×`,
    aimText(figure),
    within === undefined ? '' : within ? 'yes' : 'NO',
    figure.note ?? '',
  ];
}

/** One aligned table; numbers stand at the right of their columns. */
export function formatTable(figures: readonly Figure[]): string {
  const rows = [[...HEADER], ...figures.map(cells)];
  const widths = HEADER.map((_, column) =>
    Math.max(...rows.map((row) => [...(row[column] ?? '')].length)),
  );
  const pad = (text: string, column: number): string => {
    const blank = ' '.repeat((widths[column] ?? 0) - [...text].length);
    return column >= 1 && column <= 4 ? blank + text : text + blank;
  };
  const lines = rows.map((row) => row.map(pad).join('  ').trimEnd());
  const rule = '─'.repeat(Math.max(...lines.map((line) => [...line].length)));
  return [lines[0], rule, ...lines.slice(1)].join('\n');
}
