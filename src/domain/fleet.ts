/** The servers as far as it matters for what they can run. */

/** What a server has; one object as long as nothing of it changes. */
export interface ServerLists {
  /** Model folder → names as the server lists them. */
  readonly files: Readonly<Record<string, readonly string[]>>;
  /** Empty while they are not known. */
  readonly nodeClasses: ReadonlySet<string>;
}

export interface FleetServer {
  readonly id: string;
  readonly pool: string;
  readonly room: number;
  /** It answered lately. */
  readonly reachable: boolean;
  readonly draining: boolean;
  /** Ecosystems it may serve; null for all. */
  readonly ecosystems: readonly string[] | null;
  /** Video memory; null when it is not known. */
  readonly vramBytes: number | null;
  /** As the server last gave them, also while it is away. */
  readonly lists: ServerLists;
}
