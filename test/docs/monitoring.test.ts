import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { METRICS } from '../../src/domain/metric-catalogue.ts';
import { REPOSITORY, readPage } from '../support/markdown.ts';
import { labelsIn, metricsIn, readAlerts, readQueries } from '../support/promql.ts';

/** Labels that Prometheus or the exporters of others give. */
const FOREIGN_LABELS = ['job', 'instance', 'le', 'task_queue', 'worker_type', 'operation'];

/** Name of every series of our own → its labels. */
const series = new Map<string, readonly string[]>(
  Object.values(METRICS).flatMap(({ name, kind, labels }): [string, readonly string[]][] =>
    kind === 'histogram'
      ? ['_bucket', '_sum', '_count'].map((end) => [`${name}${end}`, labels])
      : [[name, labels]],
  ),
);

function expectKnown(expr: string, where: string): void {
  const own = metricsIn(expr).filter((name) => name.startsWith('orchestrator_'));
  for (const name of own) expect([...series.keys()], `${where}: ${expr}`).toContain(name);
  const known = [...own.flatMap((name) => series.get(name) ?? []), ...FOREIGN_LABELS];
  for (const label of labelsIn(expr)) expect(known, `${where}: ${expr}`).toContain(label);
}

/** Anchor that GitHub gives a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w -]/g, '')
    .replaceAll(' ', '-');

describe('deploy/prometheus/alerts.yml', () => {
  it('asks for metrics and labels that exist', async () => {
    const alerts = await readAlerts();
    expect(alerts.length).toBeGreaterThan(20);
    for (const { alert, expr } of alerts) expectKnown(expr, alert);
  });

  it('says in every rule what is wrong and which section of the runbook helps', async () => {
    const { text } = await readPage('docs/runbook.md');
    const sections = [...text.matchAll(/^## (.+)$/gm)].map(([, heading = '']) => anchorOf(heading));
    const named = (await readAlerts()).map(({ annotations }) => {
      expect(annotations.summary).toMatch(/[.]$/);
      const [page, anchor] = annotations.runbook.split('#');
      expect(page).toBe('docs/runbook.md');
      return anchor;
    });
    expect([...new Set(named)].sort()).toEqual(sections.sort());
  });
});

describe('deploy/grafana/orchestrator.json', () => {
  it('asks for metrics and labels that exist, with a legend for each query', async () => {
    const queries = await readQueries();
    expect(queries.length).toBeGreaterThan(50);
    for (const [title, expr] of queries) expectKnown(expr, title);
  });

  it('shows every metric of our own somewhere, or an alert does', async () => {
    const exprs = [
      ...(await readQueries()).map(([, expr]) => expr),
      ...(await readAlerts()).map(({ expr }) => expr),
    ];
    const asked = new Set(exprs.flatMap(metricsIn));
    const unused = Object.values(METRICS).filter(
      ({ name }) => ![...asked].some((other) => other === name || other.startsWith(`${name}_`)),
    );
    expect(unused.map(({ name }) => name)).toEqual(['orchestrator_info']);
  });
});

describe('the pages on what is watched', () => {
  it('name only metrics that exist', async () => {
    const names = Object.values(METRICS).map(({ name }) => name);
    for (const path of ['docs/runbook.md', 'docs/metrics.md', 'docs/operations.md'])
      for (const [name] of (await readPage(path)).text.matchAll(/\borchestrator_[a-z_]+[a-z]/g))
        expect([...names, ...series.keys()], `${path}: ${name}`).toContain(name);
  });

  it('link to sections of the runbook that are there', async () => {
    const { text } = await readPage('docs/runbook.md');
    const sections = [...text.matchAll(/^## (.+)$/gm)].map(([, heading = '']) => anchorOf(heading));
    for (const [, anchor = ''] of text.matchAll(/\]\(#([^)]+)\)/g))
      expect(sections).toContain(anchor);
  });

  it('quote log lines as the code writes them', async () => {
    const { text } = await readPage('docs/runbook.md');
    const files = await readdir(join(REPOSITORY, 'src'), { recursive: true });
    const sources = await Promise.all(
      files
        .filter((file) => file.endsWith('.ts') && !file.includes('.test'))
        .map((file) => readFile(join(REPOSITORY, 'src', file), 'utf8')),
    );
    const all = sources.join('\n');
    // Code that is a sentence is a log line; commands begin with their program.
    const quoted = [...text.replace(/^```.*?^```/gms, '').matchAll(/`([A-Za-z]+(?: [A-Za-z]+)+)`/g)]
      .map(([, line = '']) => line)
      .filter((line) => !/^(temporal|docker|npm) /.test(line));
    expect(quoted.length).toBeGreaterThan(4);
    for (const line of quoted) expect(all.includes(line), line).toBe(true);
  });
});
