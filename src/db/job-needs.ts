import type { GenerationShape, NeededResources } from '../domain/job-needs.ts';
import type { Sql } from './connect.ts';
import { generationAirs } from './generation-airs.ts';

/** What a job asks of a server, with what the tenant's catalogue says now. */
export interface StoredNeeds {
  readonly shape: GenerationShape;
  readonly resources: NeededResources;
}

/** SQL: the columns of `StoredNeeds` of the drawing `j`. */
export const needsColumns = (sql: Sql) => sql`
  j.generation as shape,
  (select coalesce(jsonb_object_agg(r.air, jsonb_build_object(
      'fileName', r.file_name, 'vramBytes', r.document -> 'vramBytes')), '{}')
    from resources r where r.tenant = j.tenant and r.air = any (${generationAirs(sql)})) as resources`;

/** Undefined when the job is gone. */
export async function findJobNeeds(sql: Sql, jobId: string): Promise<StoredNeeds | undefined> {
  const [row] = await sql<
    StoredNeeds[]
  >`select ${needsColumns(sql)} from jobs j where j.id = ${jobId}`;
  return row;
}
