import { GROUPS, VARIABLES, defaultOf, type VariableName } from './config-variables.ts';

const names = Object.keys(VARIABLES) as VariableName[];

const inGroup = (group: string): VariableName[] =>
  names.filter((name) => VARIABLES[name].group === group);

/** The README's table of variables, one part per group. */
export function variablesTable(): string {
  const rows = (group: string): string[] =>
    inGroup(group).map((name) => {
      const value = defaultOf(name);
      const cell = value === undefined ? '–' : `\`${value}\``;
      return `| \`${name}\` | ${cell} | ${VARIABLES[name].about} | \`${VARIABLES[name].example}\` |`;
    });
  return GROUPS.map((group) =>
    [
      `**${group}**`,
      '',
      '| Variable | Default | Meaning | Example |',
      '|---|---|---|---|',
      ...rows(group),
    ].join('\n'),
  ).join('\n\n');
}

/** The text of `.env.example`: everything commented out, so that a copy of it changes nothing. */
export function envExample(): string {
  const blocks = GROUPS.map((group) => {
    const lines = inGroup(group).map((name) => {
      const value = defaultOf(name) ?? VARIABLES[name].example;
      return `# ${VARIABLES[name].about}\n#${name}=${value}\n`;
    });
    return `# ── ${group} ──\n\n${lines.join('\n')}`;
  });
  return `# Copy to .env and remove the # of what you set. The README has the same as a table.\n\n${blocks.join('\n')}`;
}
