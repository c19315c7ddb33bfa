/** Refuses addresses that nothing will be sent to or fetched from, as far as that can be known when a job is accepted. */
import { withDeadline } from '../deadline.ts';
import { isOrchestratorError, messageOf, type ErrorCode, type FieldError } from '../errors.ts';
import type { Outgoing } from '../net/outgoing.ts';

/** A name server that takes longer is not waited for: what the name means counts when the connection is made. */
const RESOLVE_MS = 1_000;
/** Names looked up for one request; the system's resolver has few threads, which file work needs too. */
const NAMES = 20;

export interface NamedUrl {
  readonly path: string;
  readonly url: string;
}

export type UrlFault = FieldError & { readonly code: ErrorCode };

/** Faults of those that are refused: what can be said without a name server first, then names by their addresses now. */
export function createUrlCheck(outgoing: Pick<Outgoing, 'check' | 'checkAddresses'>) {
  const refusalOf = async (check: () => Promise<void> | void): Promise<string | undefined> => {
    try {
      await check();
      return undefined;
    } catch (error) {
      return isOrchestratorError(error) && error.code === 'url_refused'
        ? messageOf(error)
        : undefined;
    }
  };
  const faultsOf = async (
    uses: readonly NamedUrl[],
    look: (url: string) => Promise<string | undefined>,
  ): Promise<UrlFault[]> => {
    const faults = await Promise.all(
      uses.map(async ({ path, url }) => {
        const message = await look(url);
        return message === undefined ? [] : [{ code: 'url_refused' as const, path, message }];
      }),
    );
    return faults.flat();
  };

  return async (uses: readonly NamedUrl[]): Promise<readonly UrlFault[]> => {
    const plain = await faultsOf(uses, (url) => refusalOf(() => outgoing.check(url)));
    if (plain.length > 0) return plain;
    const byHost = new Map<string, Promise<string | undefined>>();
    return faultsOf(uses, (url) => {
      const { host } = new URL(url);
      const known = byHost.get(host);
      if (known || byHost.size >= NAMES) return known ?? Promise.resolve(undefined);
      const look = refusalOf(() =>
        withDeadline(outgoing.checkAddresses(url), RESOLVE_MS, 'no answer of the name server'),
      );
      byHost.set(host, look);
      return look;
    });
  };
}
