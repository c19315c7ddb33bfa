/** What PromQL expressions ask for, read well enough to compare it with what is exposed. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { REPOSITORY } from './markdown.ts';

export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: { readonly summary: string; readonly runbook: string };
}

/** The rules of deploy/prometheus/alerts.yml. */
export async function readAlerts(): Promise<readonly Alert[]> {
  const text = await readFile(join(REPOSITORY, 'deploy/prometheus/alerts.yml'), 'utf8');
  const { groups } = parse(text) as { groups: { rules: Alert[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

/** Title and expression of every query of the dashboard. */
export async function readQueries(): Promise<readonly (readonly [title: string, expr: string])[]> {
  const text = await readFile(join(REPOSITORY, 'deploy/grafana/orchestrator.json'), 'utf8');
  const { panels } = JSON.parse(text) as { panels: Panel[] };
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => [title, expr] as const),
  );
}

const WORDS = new Set(
  'and or unless by on sum min max count rate increase histogram_quantile min_over_time'.split(' '),
);

/** Names of metrics in an expression; a word that is neither metric nor known function counts as a metric. */
export function metricsIn(expr: string): string[] {
  const bare = expr
    .replace(/"[^"]*"/g, '')
    .replace(/\{[^}]*\}/g, '')
    .replace(/\[[^\]]*\]/g, '')
    .replace(/\b(by|on) ?\([^)]*\)/g, '');
  const names = bare.match(/\b[a-zA-Z_][a-zA-Z0-9_]*/g) ?? [];
  return [...new Set(names)].filter((name) => !WORDS.has(name));
}

/** Names of labels that an expression selects or groups by. */
export function labelsIn(expr: string): string[] {
  const selected = [...expr.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, name = '']) => name);
  const grouped = [...expr.matchAll(/\b(?:by|on) ?\(([^)]*)\)/g)].flatMap(([, names = '']) =>
    names.split(',').map((name) => name.trim()),
  );
  return [...new Set([...selected, ...grouped])].filter((name) => name !== '');
}
