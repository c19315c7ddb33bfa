import { randomBytes } from 'node:crypto';
import type { Sql } from './connect.ts';

export type SettingsStore = ReturnType<typeof createSettingsStore>;

/** Values that all processes of one database share. */
export function createSettingsStore(sql: Sql) {
  return {
    /** The stored value, or `initial` after storing it; of two at once the first wins and both get its value. */
    async getOrCreate(name: string, initial: () => string): Promise<string> {
      const read = async (): Promise<string | undefined> => {
        const [row] = await sql<
          { value: string }[]
        >`select value from settings where name = ${name}`;
        return row?.value;
      };
      const known = await read();
      if (known !== undefined) return known;
      await sql`
        insert into settings (name, value) values (${name}, ${initial()}) on conflict (name) do nothing`;
      const stored = await read();
      if (stored === undefined) throw new Error(`setting '${name}' vanished while it was read`);
      return stored;
    },
  };
}

/** The configured key, else a random one that the database keeps under this name. */
async function keyNamed(
  name: string,
  settings: SettingsStore,
  configured: string | undefined,
): Promise<string> {
  if (configured !== undefined) return configured;
  return settings.getOrCreate(name, () => randomBytes(32).toString('base64url'));
}

/** Key of blob link signatures: the configured one, else a random one that the database keeps. */
export const blobSigningKey = (
  settings: SettingsStore,
  configured: string | undefined,
): Promise<string> => keyNamed('blob_signing_key', settings, configured);

/** Key of callback secrets: the configured one, else a random one that the database keeps. */
export const callbackKey = (
  settings: SettingsStore,
  configured: string | undefined,
): Promise<string> => keyNamed('callback_key', settings, configured);
