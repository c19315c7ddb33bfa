import { METRICS } from './domain/metric-catalogue.ts';

/** The table of docs/metrics.md. */
export function metricsTable(): string {
  const rows = Object.values(METRICS).map(({ name, kind, labels, help }) => {
    const shown = labels.map((label) => `\`${label}\``).join(', ') || '–';
    return `| \`${name}\` | ${kind} | ${shown} | ${help} |`;
  });
  return ['| Metric | Kind | Labels | Meaning |', '|---|---|---|---|', ...rows].join('\n');
}
