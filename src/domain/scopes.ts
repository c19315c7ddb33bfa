/** What a key may be allowed to do, and what that means. */
export const SCOPES = {
  'jobs:read': 'read jobs, their events and previews, and the quota',
  'jobs:write': 'submit and cancel jobs',
  'callbacks:read': 'read the secret that signs callbacks',
  'callbacks:write': 'replace that secret, and send callbacks again',
  'resources:read': 'read the catalogue',
  'resources:write': 'change the catalogue',
  'blobs:read': 'read stored files',
  'blobs:write': 'store and delete files',
  'servers:read': 'see the fleet; for operators only',
  'servers:write': 'change the fleet; for operators only',
} as const;

export type Scope = keyof typeof SCOPES;

export const SCOPE_NAMES = Object.keys(SCOPES) as readonly Scope[];

/** `null` stands for a key without scopes, which may do everything. */
export const allows = (scopes: readonly string[] | null, scope: Scope): boolean =>
  scopes === null || scopes.includes(scope);
