/** How a server stands to work, in one word. */
export const SERVER_STATES = ['up', 'draining', 'down', 'gone'] as const;
export type ServerState = (typeof SERVER_STATES)[number];

/** `gone`: no worker reports of it; `down`: it does not answer; `draining`: it answers and takes nothing new. */
export const serverState = (server: {
  readonly isReported: boolean;
  readonly reachable: boolean;
  readonly drainingAt: Date | null;
}): ServerState => {
  if (!server.isReported) return 'gone';
  if (!server.reachable) return 'down';
  return server.drainingAt ? 'draining' : 'up';
};
