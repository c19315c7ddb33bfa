/** Which servers a job may try after it went down with some. Pure. */

/**
 * A job that went down with so many servers is let onto no further one: it may be to blame, and the pool shall outlive
 * its attempt limit.
 */
const SERVERS_TO_TRY = 2;

/**
 * Of `servers` those that a job may try. After it went down with one: the others, while there are any, to tell whether the
 * job or the server is to blame. After the second: only those it went down with.
 */
export function serversToTry(
  servers: ReadonlySet<string>,
  suspectedOf: readonly string[] = [],
): ReadonlySet<string> {
  if (suspectedOf.length === 0) return servers;
  const known = suspectedOf.filter((id) => servers.has(id));
  if (suspectedOf.length >= SERVERS_TO_TRY) return new Set(known);
  const others = [...servers].filter((id) => !known.includes(id));
  return others.length > 0 ? new Set(others) : servers;
}
