/** `orchestrator keys`: who may call the API with AUTH=keys, and what they may do. */
import type { Config } from '../config.ts';
import { createKeyStore, type KeyInfo } from '../db/keys.ts';
import { migrate } from '../db/migrate.ts';
import { createResourceStore } from '../db/resources.ts';
import { seedCatalogue } from '../db/seed-catalogue.ts';
import { SCOPE_NAMES, type Scope } from '../domain/scopes.ts';
import { OrchestratorError } from '../errors.ts';
import { readSetting } from './read-setting.ts';
import { withDatabase } from './with-database.ts';

type Print = (line: string) => void;

export interface KeyOptions {
  readonly tenant: string;
  readonly name: string;
  readonly catalogue: boolean;
  readonly operator: boolean;
  readonly scope?: readonly string[];
  readonly days?: string;
  readonly requestsPerMinute?: string;
}

const MAX_DAYS = 36_500;
const DAY_MS = 86_400_000;

/** Makes a key and prints it: the only time it is shown. Throws `invalid_request`. */
export const runKeysCreate = (config: Config, print: Print, options: KeyOptions): Promise<void> =>
  withDatabase(config, async (sql) => {
    const terms = termsOf(options);
    await migrate(sql);
    const { tenant, name } = options;
    const made = await createKeyStore(sql).createKey(tenant, name, terms);
    if (options.catalogue) await seedCatalogue(createResourceStore(sql), options.tenant);
    printMade(print, made);
  });

/** Lists keys by id, tenant, name and first characters, with what they may and when they were last used. */
export const runKeysList = (config: Config, print: Print): Promise<void> =>
  withDatabase(config, async (sql) => {
    await migrate(sql);
    const keys = await createKeyStore(sql).listKeys();
    if (keys.length === 0)
      print('There are no keys. Make one: npm run keys -- create --tenant NAME');
    for (const key of keys)
      print(
        [
          ...[key.id, key.tenant, key.name, `${key.hint}…`],
          ...termsInWords(key),
          key.lastUsedAt ? `used ${key.lastUsedAt.toISOString()}` : 'never used',
          stateOf(key),
        ].join('  '),
      );
  });

/** Revokes a key. Throws `not_found` for an unknown id. */
export const runKeysRevoke = (config: Config, print: Print, id: string): Promise<void> =>
  withDatabase(config, async (sql) => {
    await migrate(sql);
    if (!(await createKeyStore(sql).revokeKey(id))) throw unknownKey(id);
    print(`Revoked ${id}; running servers refuse it within seconds.`);
  });

/** Makes a key on the terms of another, which stays good for a while. Throws `not_found`, `invalid_request`. */
export const runKeysRotate = (
  config: Config,
  print: Print,
  id: string,
  { overlapHours }: { readonly overlapHours: string },
): Promise<void> =>
  withDatabase(config, async (sql) => {
    const hours = readSetting('--overlap-hours', overlapHours, 'decimal', 0, 9_999);
    await migrate(sql);
    const made = await createKeyStore(sql).rotateKey(id, hours * 3_600);
    if (!made) throw unknownKey(id);
    print(`Key ${id} is refused ${hours === 0 ? 'within seconds' : `in ${hours} hours`}.`);
    printMade(print, made);
  });

function printMade(
  print: Print,
  { key, info }: { readonly key: string; readonly info: KeyInfo },
): void {
  const terms = termsInWords(info).map((term) => `, ${term}`);
  print(
    `Key ${info.id} of tenant ${info.tenant}${terms.join('')}. It is shown this once, keep it:`,
  );
  print(key);
}

const termsInWords = (key: KeyInfo): readonly string[] => [
  ...(key.operator ? ['operator'] : []),
  key.scopes === null ? 'all scopes' : key.scopes.join(' '),
  ...(key.requestsPerMinute === null ? [] : [`${key.requestsPerMinute || 'any'} requests/min`]),
  ...(key.expiresAt ? [`until ${key.expiresAt.toISOString()}`] : []),
];

const stateOf = ({ revokedAt, expiresAt }: KeyInfo): string => {
  if (revokedAt) return 'revoked';
  return expiresAt && expiresAt.getTime() <= Date.now() ? 'expired' : 'active';
};

function termsOf(options: KeyOptions) {
  const { operator, scope, days, requestsPerMinute } = options;
  return {
    operator,
    ...(scope === undefined ? {} : { scopes: scopesOf(scope) }),
    ...(days === undefined
      ? {}
      : {
          expiresAt: new Date(
            Date.now() + readSetting('--days', days, 'decimal', 0, MAX_DAYS) * DAY_MS,
          ),
        }),
    ...(requestsPerMinute === undefined
      ? {}
      : {
          requestsPerMinute: readSetting(
            '--requests-per-minute',
            requestsPerMinute,
            'whole',
            0,
            1_000_000,
          ),
        }),
  };
}

/** Throws `invalid_request` for names that there are not. */
function scopesOf(names: readonly string[]): Scope[] {
  const asked = names.flatMap((name) => name.split(',')).map((name) => name.trim());
  const known = SCOPE_NAMES.filter((scope) => asked.includes(scope));
  const unknown = asked.filter((name) => !SCOPE_NAMES.includes(name as Scope));
  if (unknown.length === 0) return known;
  throw new OrchestratorError(
    'invalid_request',
    `--scope: there is no '${unknown.join("', '")}'; there are ${SCOPE_NAMES.join(', ')}.`,
  );
}

const unknownKey = (id: string): OrchestratorError =>
  new OrchestratorError(
    'not_found',
    `There is no key ${id} that is still good. List them: npm run keys -- list`,
  );
