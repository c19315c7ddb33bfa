import { compressAir, formatAir, parseAir, type Air } from '../domain/air.ts';
import {
  matchingResources,
  shortForms,
  unambiguous,
  type MatchRule,
} from '../domain/resource-match.ts';
import { OrchestratorError } from '../errors.ts';
import { isDatabaseUnavailable, type Sql } from './connect.ts';

/** A catalogue entry: what is known of a model file. */
export interface Resource {
  /** Canonical AIR. */
  readonly air: string;
  readonly modelName: string;
  /** Type as the client named it; what the file is used as comes from the AIR. */
  readonly type: string;
  /** Name of the file as the ComfyUI servers list it. */
  readonly fileName?: string;
  /** The other documented fields, as they were sent. */
  readonly details: Readonly<Record<string, unknown>>;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}
export type NewResource = Omit<Resource, 'createdAt' | 'updatedAt'>;

export interface ResourcePage {
  readonly total: number;
  readonly items: readonly Resource[];
}

export type ResourceStore = ReturnType<typeof createResourceStore>;

interface Row {
  air: string;
  modelName: string;
  type: string;
  fileName: string | null;
  document: Record<string, unknown>;
  createdAt: Date;
  updatedAt: Date;
}

const UNIQUE_VIOLATION = '23505';

/** The catalogue of resources. Every call is scoped by tenant. */
export function createResourceStore(sql: Sql) {
  const columns = sql`air, model_name, type, file_name, document, created_at, updated_at`;

  /** What each AIR, in any spelling, may mean, in one query; those that mean nothing are left out. */
  async function listMatches(
    tenant: string,
    ids: readonly string[],
    rule: MatchRule,
  ): Promise<Map<string, readonly Resource[]>> {
    if (ids.length === 0) return new Map();
    const wanted = ids.map((id) => ({ id, air: parseAir(id) }));
    const candidates = await readCandidates(
      tenant,
      wanted.map(({ air }) => air),
    );
    const found = new Map<string, readonly Resource[]>();
    for (const { id, air } of wanted) {
      const matches = matchingResources(air, candidates, rule);
      if (matches.length > 0) found.set(id, matches);
    }
    return found;
  }

  async function readCandidates(tenant: string, airs: readonly Air[]): Promise<Resource[]> {
    const compressed = airs.flatMap(shortForms);
    const rows = await sql<Row[]>`
      select ${columns} from resources
      where tenant = ${tenant} and (air = any(${airs.map(formatAir)}) or compressed = any(${compressed}))
      order by created_at, air`;
    return rows.map(toResource);
  }

  return {
    listMatches,

    /** The entries that jobs with these AIRs use; what is absent or ambiguous is left out. */
    async findResources(tenant: string, ids: readonly string[]): Promise<Map<string, Resource>> {
      return unambiguous(await listMatches(tenant, ids, 'lenient'));
    },

    /** Entries of type controlnet, in the order they were created. */
    async listControlNets(tenant: string): Promise<Resource[]> {
      const rows = await sql<Row[]>`
        select ${columns} from resources
        where tenant = ${tenant} and split_part(air, ':', 4) = 'controlnet'
        order by created_at, air`;
      return rows.map(toResource);
    },

    /** One page of entries whose AIR, name, type or description contains `q`, in the order they were created. */
    async listResources(
      tenant: string,
      { page, limit, q }: { page: number; limit: number; q?: string },
    ): Promise<ResourcePage> {
      const like = `%${(q ?? '').replace(/[\\%_]/g, '\\$&')}%`;
      const where =
        q === undefined || q === ''
          ? sql`tenant = ${tenant}`
          : sql`tenant = ${tenant} and (air ilike ${like} or model_name ilike ${like} or type ilike ${like}
              or document->>'description' ilike ${like})`;
      const [count] = await sql<
        { total: number }[]
      >`select count(*) as total from resources where ${where}`;
      const rows = await sql<Row[]>`
        select ${columns} from resources where ${where}
        order by created_at, air limit ${limit} offset ${(page - 1) * limit}`;
      return { total: count?.total ?? 0, items: rows.map(toResource) };
    },

    /** Throws `conflict` when the AIR is in the catalogue already. */
    async insertResource(tenant: string, resource: NewResource): Promise<Resource> {
      try {
        const [row] = await sql<Row[]>`
          insert into resources ${sql(toColumns(tenant, resource) as never)} returning ${columns}`;
        if (row) return toResource(row);
      } catch (error) {
        if (isDatabaseUnavailable(error) || (error as { code?: unknown }).code !== UNIQUE_VIOLATION)
          throw error;
      }
      throw new OrchestratorError(
        'conflict',
        `Resource '${resource.air}' is in the catalogue already. Change it with PUT or PATCH /v2/resources/${resource.air}.`,
      );
    },

    /** Changes an entry under a row lock, so that two merges at once both count; undefined when it is absent. */
    async updateResource(
      tenant: string,
      air: string,
      change: (current: Resource) => NewResource,
    ): Promise<Resource | undefined> {
      return sql.begin(async (tx) => {
        const [current] = await tx<Row[]>`
          select ${columns} from resources where tenant = ${tenant} and air = ${air} for update`;
        if (!current) return undefined;
        const { modelName, type, fileName, document } = toColumns(
          tenant,
          change(toResource(current)),
        );
        const [row] = await tx<Row[]>`
          update resources set
            model_name = ${modelName}, type = ${type}, file_name = ${fileName},
            document = ${tx.json(document as never)}, updated_at = now()
          where tenant = ${tenant} and air = ${air} returning ${columns}`;
        return row && toResource(row);
      });
    },

    /** False when it was absent. */
    async deleteResource(tenant: string, air: string): Promise<boolean> {
      const result = await sql`delete from resources where tenant = ${tenant} and air = ${air}`;
      return result.count > 0;
    },

    /** Inserts what is given when the tenant has no entry at all; returns how many. */
    async seedResources(tenant: string, resources: readonly NewResource[]): Promise<number> {
      return sql.begin(async (tx) => {
        // Serialises two processes that start at once; held to the end of the transaction.
        await tx`select pg_advisory_xact_lock(hashtextextended(${`seed:${tenant}`}, 0))`;
        const [any] = await tx`select 1 from resources where tenant = ${tenant} limit 1`;
        if (any || resources.length === 0) return 0;
        const rows = resources.map((resource) => toColumns(tenant, resource));
        const result =
          await tx`insert into resources ${tx(rows as never[])} on conflict do nothing`;
        return result.count;
      });
    },
  };
}

function toResource(row: Row): Resource {
  return {
    air: row.air,
    modelName: row.modelName,
    type: row.type,
    ...(row.fileName === null ? {} : { fileName: row.fileName }),
    details: row.document,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  };
}

function toColumns(tenant: string, resource: NewResource) {
  const air = parseAir(resource.air);
  return {
    tenant,
    air: resource.air,
    compressed: compressAir(air),
    ecosystem: air.ecosystem ?? '',
    type: resource.type,
    modelName: resource.modelName,
    fileName: resource.fileName ?? null,
    document: resource.details,
  };
}
