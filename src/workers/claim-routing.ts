import type { StoredNeeds } from '../db/job-needs.ts';
import type { FleetView } from '../db/fleet-view.ts';
import { serversFor } from '../domain/claim-servers.ts';
import type { FleetServer } from '../domain/fleet.ts';
import { needsOf, type JobNeeds } from '../domain/job-needs.ts';
import type { ServerFit } from '../ecosystems/server-fit.ts';
import { OrchestratorError } from '../errors.ts';

export interface ClaimRoutingDeps {
  readonly pool: string;
  readonly fleet: FleetView;
  readonly fit: ServerFit;
  readonly findNeeds: (jobId: string) => Promise<StoredNeeds | undefined>;
}

/** What a claim needs; replaced when the catalogue says otherwise later. */
export interface Routable {
  readonly jobId: string;
  needs: JobNeeds;
}

export interface Routes<T> {
  readonly able: ReadonlyMap<T, ReadonlySet<string>>;
  readonly lost: readonly T[];
}

export interface ClaimRouting {
  /** Servers on which each claim may be placed, and the claims that no known server can run. */
  route<T extends Routable>(claims: readonly T[]): Promise<Routes<T>>;
  /** Looks again, at lists and file names as they are now: why no known server can run it, or undefined when one can. */
  findLoss(claim: Routable): Promise<OrchestratorError | undefined>;
}

/** Which servers can run the claims of a pool. */
export function createClaimRouting(deps: ClaimRoutingDeps): ClaimRouting {
  const { pool, fleet, fit } = deps;
  const readNeeds = async (jobId: string): Promise<JobNeeds> => {
    const stored = await deps.findNeeds(jobId);
    if (stored) return needsOf(stored.shape, stored.resources);
    throw new OrchestratorError('conflict', `Job ${jobId} is gone; it takes no server.`);
  };
  const serversOf = (needs: JobNeeds, servers: readonly FleetServer[]): ReadonlySet<string> => {
    const able = serversFor(pool, servers, (server) => fit.lacks(needs, server).length === 0);
    return new Set(able.map(({ id }) => id));
  };
  return {
    async route(claims) {
      const servers = await fleet.current();
      const able = new Map(claims.map((claim) => [claim, serversOf(claim.needs, servers)]));
      // Before the first report nothing is known, and jobs wait for it.
      const lost = servers.length > 0 ? claims.filter((claim) => able.get(claim)?.size === 0) : [];
      return { able, lost };
    },

    async findLoss(claim) {
      const [needs, servers] = await Promise.all([readNeeds(claim.jobId), fleet.fresh()]);
      claim.needs = needs;
      if (servers.length === 0 || serversOf(needs, servers).size > 0) return undefined;
      const why = servers.map((server) => {
        const lacks = fit.lacks(needs, server).map(({ message }) => message);
        return `${server.id} of pool ${server.pool}: ${lacks.join(' ')}`;
      });
      const shown = why.slice(0, SHOWN).join(' ');
      const more = why.length > SHOWN ? ` And ${why.length - SHOWN} servers more.` : '';
      return new OrchestratorError(
        'model_missing',
        `No known server can run it any more. ${shown}${more}`,
      );
    },
  };
}

const SHOWN = 5;
