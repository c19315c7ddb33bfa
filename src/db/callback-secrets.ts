import { randomBytes } from 'node:crypto';
import { deriveSecret } from '../net/webhook-signature.ts';
import type { Sql } from './connect.ts';

export type CallbackSecrets = ReturnType<typeof createCallbackSecrets>;

/** A secret that signs, the newest first. */
export interface CallbackSecret {
  readonly secret: string;
  readonly createdAt: Date;
  /** Signs beside the newest until then; null of the newest. */
  readonly expiresAt: Date | null;
}

interface SaltRow {
  readonly salt: string;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
}

const newSalt = (): string => randomBytes(16).toString('base64url');

/** Signing secrets of tenants. Rows hold salts; `key` makes secrets of them and is not in the table. */
export function createCallbackSecrets(sql: Sql, key: string) {
  const read = (tenant: string): Promise<SaltRow[]> => sql<SaltRow[]>`
    select salt, created_at, expires_at from callback_secrets
    where tenant = ${tenant} and (expires_at is null or expires_at > now())
    order by expires_at desc nulls first`;

  const list = async (tenant: string): Promise<CallbackSecret[]> => {
    let rows = await read(tenant);
    if (!rows.some(({ expiresAt }) => expiresAt === null)) {
      // Of two at once the first wins, and both read its salt.
      await sql`
        insert into callback_secrets (tenant, salt) values (${tenant}, ${newSalt()}) on conflict do nothing`;
      rows = await read(tenant);
    }
    return rows.map(({ salt, ...times }) => ({
      secret: deriveSecret(key, tenant, salt),
      ...times,
    }));
  };

  return {
    /** The tenant's secrets, of which there is at least one: the first use makes it. */
    list,

    /** Makes a new secret; the one before signs beside it for `graceSeconds`. */
    async rotate(tenant: string, graceSeconds: number): Promise<CallbackSecret[]> {
      await sql.begin(async (begun) => {
        const tx = begun as unknown as Sql;
        await tx`
          update callback_secrets set expires_at = now() + ${graceSeconds} * interval '1 second'
          where tenant = ${tenant} and expires_at is null`;
        await tx`insert into callback_secrets (tenant, salt) values (${tenant}, ${newSalt()}) on conflict do nothing`;
        await tx`delete from callback_secrets where tenant = ${tenant} and expires_at <= now()`;
      });
      return list(tenant);
    },
  };
}
