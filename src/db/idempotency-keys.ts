import { OrchestratorError } from '../errors.ts';
import type { Sql } from './connect.ts';

/** An idempotency key of a request together with what was asked under it. */
export interface Idempotency {
  readonly key: string;
  readonly bodySha256: string;
}

/** An answer as it was sent. */
export interface StoredAnswer {
  readonly status: number;
  readonly body: string;
}

/** What an earlier request with the same key led to; without an answer while that request is still being answered. */
export interface EarlierRequest {
  readonly batchId: string;
  readonly answer?: StoredAnswer;
}

/** Idempotency keys and the answers that were given under them; they live as long as the jobs do. */
export function createIdempotencyKeys(sql: Sql) {
  return {
    /** What an earlier request with this key led to. Throws `conflict` when it had another body. */
    async find(
      tenant: string,
      { key, bodySha256 }: Idempotency,
    ): Promise<EarlierRequest | undefined> {
      const [row] = await sql<
        { batchId: string; bodySha256: string; status: number | null; answer: string | null }[]
      >`
        select batch_id, body_sha256, status, answer from idempotency_keys
        where tenant = ${tenant} and key = ${key}`;
      if (!row) return undefined;
      if (row.bodySha256 !== bodySha256)
        throw new OrchestratorError(
          'conflict',
          `Idempotency-Key '${key}' was used before with another body. Use a new key for a new request.`,
        );
      const { batchId, status, answer: body } = row;
      return status === null || body === null ? { batchId } : { batchId, answer: { status, body } };
    },

    /** Takes the key for a batch; false when it is taken. Waits for a transaction that is about to take it. */
    async take(
      tenant: string,
      { key, bodySha256 }: Idempotency,
      batchId: string,
      answer: StoredAnswer | undefined,
    ): Promise<boolean> {
      const taken = await sql`
        insert into idempotency_keys (tenant, key, body_sha256, batch_id, status, answer)
        values (${tenant}, ${key}, ${bodySha256}, ${batchId}, ${answer?.status ?? null}, ${answer?.body ?? null})
        on conflict do nothing`;
      return taken.count > 0;
    },

    /** Keeps the answer unless one was given before; returns the one that counts. */
    async keepAnswer(tenant: string, key: string, answer: StoredAnswer): Promise<StoredAnswer> {
      const [kept] = await sql<{ status: number; body: string }[]>`
        update idempotency_keys set status = coalesce(status, ${answer.status}),
          answer = coalesce(answer, ${answer.body})
        where tenant = ${tenant} and key = ${key} returning status, answer as body`;
      return kept ?? answer;
    },
  };
}
