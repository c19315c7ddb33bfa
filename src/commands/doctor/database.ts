import type { Config } from '../../config.ts';
import { connectDatabase, isDatabaseUnavailable } from '../../db/connect.ts';
import { listRegisteredFiles, type RegisteredFile } from '../../db/registered-files.ts';
import { findPostgresBinaries } from '../../dev/postgres-binaries.ts';
import { messageOf } from '../../errors.ts';
import { Unwell, finding, type Finding } from './finding.ts';

/** SQLSTATE of a refused user or password, and of a database that is not there. */
const WRONG_PASSWORD = /^28/;
const NO_DATABASE = '3D000';

/** The database at DATABASE_URL, else whether this machine has the embedded one's program. */
export function checkDatabase({ DATABASE_URL }: Pick<Config, 'DATABASE_URL'>): Promise<Finding> {
  if (DATABASE_URL === undefined)
    return finding('PostgreSQL', 'Set DATABASE_URL to a PostgreSQL of your own.', async () => {
      await findPostgresBinaries();
      return 'embedded, started by npm start';
    });
  const todo = 'Check DATABASE_URL, or unset it to use the embedded PostgreSQL.';
  return finding('PostgreSQL', todo, () => askVersion(DATABASE_URL));
}

async function askVersion(url: string): Promise<string> {
  const { hostname, port, username, pathname } = new URL(url);
  const where = `${hostname}:${port || '5432'}`;
  const sql = connectDatabase({ url, maxConnections: 1, applicationName: 'doctor' });
  try {
    const rows = await sql<
      { version: string }[]
    >`select current_setting('server_version') as version`;
    return `version ${rows[0]?.version ?? 'unknown'} answers at ${where}${pathname}`;
  } catch (error) {
    const code = String((error as { code?: unknown }).code);
    if (WRONG_PASSWORD.test(code))
      throw new Unwell(
        `${where} refuses user ${username}: ${messageOf(error)}`,
        'Set the right user and password in DATABASE_URL, or unset it to use the embedded PostgreSQL.',
      );
    if (code === NO_DATABASE)
      throw new Unwell(
        `${where} has no database ${pathname.slice(1)}`,
        `Make it (createdb ${pathname.slice(1)}), or name another one in DATABASE_URL.`,
      );
    if (isDatabaseUnavailable(error))
      throw new Unwell(
        `nothing answers as PostgreSQL at ${where} (${code})`,
        'Start PostgreSQL there, check host and port in DATABASE_URL, or unset it to use the embedded one.',
      );
    throw error;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** Files of the catalogue; undefined when there is no database yet or it cannot be read, which its own check tells. */
export async function readCatalogue({
  DATABASE_URL: url,
}: Pick<Config, 'DATABASE_URL'>): Promise<readonly RegisteredFile[] | undefined> {
  if (url === undefined) return undefined;
  const sql = connectDatabase({ url, maxConnections: 1, applicationName: 'doctor' });
  try {
    return await listRegisteredFiles(sql);
  } catch {
    return undefined;
  } finally {
    await sql.end({ timeout: 1 });
  }
}
