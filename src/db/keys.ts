import { createHash, randomBytes } from 'node:crypto';
import type { Scope } from '../domain/scopes.ts';
import type { Sql } from './connect.ts';
import { lazyCommit } from './lazy-commit.ts';

/** What a key may do, and for how long. */
export interface KeyTerms {
  readonly tenant: string;
  readonly name: string;
  /** May see and change the fleet. */
  readonly operator: boolean;
  /** Null for everything that its tenant may. */
  readonly scopes: readonly Scope[] | null;
  /** Null for what its tenant has; 0 for no limit. */
  readonly requestsPerMinute: number | null;
  readonly expiresAt: Date | null;
}

/** An API key as it can be shown: the key itself is known only to whoever it was made for. */
export interface KeyInfo extends KeyTerms {
  readonly id: string;
  /** First characters of the key. */
  readonly hint: string;
  readonly createdAt: Date;
  readonly revokedAt: Date | null;
  /** To a few minutes; null when it was never used. */
  readonly lastUsedAt: Date | null;
}

/** Who shows a key. */
export interface KeyHolder extends Pick<
  KeyInfo,
  'id' | 'tenant' | 'operator' | 'expiresAt' | 'requestsPerMinute'
> {
  readonly scopes: readonly string[] | null;
  readonly isExpired: boolean;
}

interface MadeKey {
  /** In this answer only. */
  readonly key: string;
  readonly info: KeyInfo;
}

export type KeyStore = ReturnType<typeof createKeyStore>;

const PREFIX = 'orc_';
const HINT_LENGTH = 8;
/** What a key looks like; anything else need not be looked up. */
const KEY = /^orc_[A-Za-z0-9_-]{43}$/;
/** A use is noted when the last note is older. */
const NOTE_USE_SECONDS = 300;

/** SHA-256 of a key: a 256-bit random value needs no slow hash. */
const hashKey = (key: string): Buffer => createHash('sha256').update(key).digest();

/** Bearer keys, stored hashed. */
export function createKeyStore(sql: Sql) {
  const columns = sql`id, tenant, name, hint, operator, scopes, requests_per_minute, created_at, expires_at,
    revoked_at, last_used_at`;

  /** Makes a key of a tenant; what is not said about it is allowed. */
  const createKey = async (
    tenant: string,
    name: string,
    { operator = false, scopes, expiresAt, requestsPerMinute }: Partial<KeyTerms> = {},
    tx: Sql = sql,
  ): Promise<MadeKey> => {
    const key = `${PREFIX}${randomBytes(32).toString('base64url')}`;
    const [info] = await tx<KeyInfo[]>`
      insert into api_keys (tenant, name, hash, hint, operator, scopes, expires_at, requests_per_minute)
      values (${tenant}, ${name}, ${hashKey(key)}, ${key.slice(0, HINT_LENGTH)}, ${operator},
        ${scopes ? [...scopes] : null}::text[], ${expiresAt ?? null}, ${requestsPerMinute ?? null})
      returning ${columns}`;
    if (!info) throw new Error('insert into api_keys returned no row');
    return { key, info };
  };

  const noteUse = async (id: string): Promise<void> => {
    await sql`
      with ${lazyCommit(sql)}
      update api_keys set last_used_at = now() from commit where id = ${id}
        and (last_used_at is null or last_used_at < now() - ${NOTE_USE_SECONDS} * interval '1 second')`;
  };

  return {
    createKey,

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

    /**
     * Makes a key on the same terms; the old one stays good for `overlapSeconds`, or less when it ends before. The new
     * one ends as long after now as the old one was to last. Undefined when there is no such key or it is over.
     */
    async rotateKey(id: string, overlapSeconds: number): Promise<MadeKey | undefined> {
      return sql.begin(async (begun): Promise<MadeKey | undefined> => {
        const tx = begun as unknown as Sql;
        const [old] = await tx<(KeyInfo & { nextExpiresAt: Date | null })[]>`
          select ${columns}, now() + (expires_at - created_at) as next_expires_at from api_keys
          where id::text = ${id} and revoked_at is null and (expires_at is null or expires_at > now()) for update`;
        if (!old) return undefined;
        await tx`
          update api_keys set expires_at = least(expires_at, now() + ${overlapSeconds} * interval '1 second')
          where id = ${old.id}`;
        return createKey(old.tenant, old.name, { ...old, expiresAt: old.nextExpiresAt }, tx);
      });
    },

    /** Whose a key is, also past its end; undefined for unknown and revoked ones. Notes that it was used. */
    async findHolder(key: string): Promise<KeyHolder | undefined> {
      if (!KEY.test(key)) return undefined;
      const [row] = await sql<(KeyHolder & { isUseNoted: boolean })[]>`
        select id, tenant, operator, scopes, expires_at, requests_per_minute,
          coalesce(expires_at <= now(), false) as is_expired,
          coalesce(last_used_at > now() - ${NOTE_USE_SECONDS} * interval '1 second', false) as is_use_noted
        from api_keys where hash = ${hashKey(key)} and revoked_at is null`;
      if (!row) return undefined;
      const { isUseNoted, ...holder } = row;
      if (!holder.isExpired && !isUseNoted) await noteUse(holder.id);
      return holder;
    },
  };
}
