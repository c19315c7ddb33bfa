import { createHash, randomBytes } from 'node:crypto';
import type { Sql } from './connect.ts';

/** An API key as it can be shown: the key itself is known only to whoever it was made for. */
export interface KeyInfo {
  readonly id: string;
  readonly tenant: string;
  readonly name: string;
  /** First characters of the key. */
  readonly hint: string;
  /** May see and change the fleet. */
  readonly operator: boolean;
  readonly createdAt: Date;
  readonly revokedAt: Date | null;
}

/** Who shows a key. */
export type KeyHolder = Pick<KeyInfo, 'tenant' | 'operator'>;

export type KeyStore = ReturnType<typeof createKeyStore>;

const PREFIX = 'orc_';
const HINT_LENGTH = 8;
/** What a key looks like; anything else need not be looked up. */
const KEY = /^orc_[A-Za-z0-9_-]{43}$/;

/** SHA-256 of a key: a 256-bit random value needs no slow hash. */
const hashKey = (key: string): Buffer => createHash('sha256').update(key).digest();

/** Bearer keys, stored hashed. */
export function createKeyStore(sql: Sql) {
  const columns = sql`id, tenant, name, hint, operator, created_at, revoked_at`;
  return {
    /** Makes a key; `key` is in this answer only. */
    async createKey(
      tenant: string,
      name: string,
      operator = false,
    ): Promise<{ readonly key: string; readonly info: KeyInfo }> {
      const key = `${PREFIX}${randomBytes(32).toString('base64url')}`;
      const [info] = await sql<KeyInfo[]>`
        insert into api_keys (tenant, name, hash, hint, operator)
        values (${tenant}, ${name}, ${hashKey(key)}, ${key.slice(0, HINT_LENGTH)}, ${operator}) returning ${columns}`;
      if (!info) throw new Error('insert into api_keys returned no row');
      return { key, info };
    },

    async listKeys(tenant?: string): Promise<KeyInfo[]> {
      return sql<KeyInfo[]>`
        select ${columns} from api_keys ${tenant === undefined ? sql`` : sql`where tenant = ${tenant}`}
        order by created_at`;
    },

    /** False when there is no such key or it was revoked before. */
    async revokeKey(id: string): Promise<boolean> {
      const result = await sql`
        update api_keys set revoked_at = now() where id::text = ${id} and revoked_at is null`;
      return result.count > 0;
    },

    /** Whose a valid key is; undefined for unknown and revoked ones. */
    async findHolder(key: string): Promise<KeyHolder | undefined> {
      if (!KEY.test(key)) return undefined;
      const [row] = await sql<KeyHolder[]>`
        select tenant, operator from api_keys where hash = ${hashKey(key)} and revoked_at is null`;
      return row;
    },
  };
}
