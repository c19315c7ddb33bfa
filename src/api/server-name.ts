import { z } from '@hono/zod-openapi';

/** Id of a server or name of a pool. */
export const ServerName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, {
  error: () => 'expected lower-case letters, digits and hyphens',
});
