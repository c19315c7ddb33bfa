import type { ChaosRun } from './run-chaos.ts';
import type { ScheduleOptions } from './schedule.ts';

const time = (ms: number): string => new Date(ms).toISOString().slice(11, 23);
const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

/** The run as Markdown: what was asked, the counts, every re-run with its proof, every finding, every outage. */
export function formatReport(options: ScheduleOptions, run: ChaosRun): string {
  const { verdict, outages } = run;
  return [
    `Seed ${options.seed}: ${options.jobs} jobs, ${plural(options.servers, 'server')}, ${options.apis} API, ` +
      `${plural(options.cpuWorkers, 'cpu worker')}; SERVER_LOST_AFTER ${options.lostAfterMs / 1_000} s; ` +
      `${Math.round(run.tookMs / 1_000)} s.`,
    '',
    ...table(['What', 'Count'], [...verdict.counts, ...outageCounts(run)]),
    '',
    ...section(
      'Findings',
      verdict.findings.map((finding) => `- ${finding}`),
    ),
    ...section(
      'Drawn again',
      verdict.reruns.length === 0
        ? []
        : table(
            ['Job', 'Before', 'Again', 'Proof'],
            verdict.reruns.map(({ jobId, before, after, proof }) => [
              jobId,
              `attempt ${before.attempt}, ${before.server}, ${time(before.startMs)}, ${before.outcome ?? 'cut short'}`,
              `attempt ${after.attempt}, ${after.server}, ${time(after.startMs)}, ${after.outcome ?? 'cut short'}`,
              proof ?? '**none**',
            ]),
          ),
    ),
    ...section(
      'Outages',
      table(
        ['Part', 'What', 'From', 'Seconds'],
        outages.map(({ part, what, fromMs, toMs }) => [
          part,
          what,
          time(fromMs),
          toMs === undefined ? 'to the end' : ((toMs - fromMs) / 1_000).toFixed(1),
        ]),
      ),
    ),
  ].join('\n');
}

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [`${title}: none.`, ''] : [`${title}:`, '', ...lines, ''];

const table = (
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string[] => [
  `| ${head.join(' | ')} |`,
  `|${head.map(() => '---').join('|')}|`,
  ...rows.map((row) => `| ${row.join(' | ')} |`),
];

function outageCounts({ outages, schedule }: ChaosRun): [string, number][] {
  const kinds = ['killed', 'stopped', 'cut off', 'drained', 'ended by itself'] as const;
  const lostAnswers = schedule.disturbances.filter(({ kind }) => /^enqueue/.test(kind));
  return [
    ...kinds.map((kind): [string, number] => [
      `parts ${kind}`,
      outages.filter(({ what }) => what === kind).length,
    ]),
    ['answers to POST /prompt lost', lostAnswers.length],
  ];
}
