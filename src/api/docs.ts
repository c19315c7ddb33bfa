/** `/openapi.json`, `/docs` and the way there from `/`. */
import { z } from '@hono/zod-openapi';
import { docsPage, type OpenApiDocument } from './docs-page.ts';
import { endpoint, type Api, type Endpoint } from './endpoint.ts';
import { openApiDocument } from './openapi.ts';

const TAG = 'Service';

/** Endpoints of the documentation; the document is made once, at the first request. */
export function docEndpoints(api: Api): readonly Endpoint[] {
  let made: { readonly json: string; readonly page: string } | undefined;
  const read = (): { readonly json: string; readonly page: string } => {
    if (made) return made;
    const document = openApiDocument(api);
    const page = docsPage(document as unknown as OpenApiDocument);
    return (made = { json: JSON.stringify(document, null, 2), page });
  };
  return [
    endpoint({
      method: 'get',
      path: '/openapi.json',
      access: 'public',
      tag: TAG,
      summary: 'This API as an OpenAPI 3.1 document',
      responses: {
        200: { description: 'OpenAPI document', schema: z.record(z.string(), z.unknown()) },
      },
      handle: (c) => c.body(read().json, 200, { 'content-type': 'application/json' }),
    }),
    endpoint({
      method: 'get',
      path: '/docs',
      access: 'public',
      tag: TAG,
      summary: 'This API as a page to read',
      responses: { 200: { description: 'HTML', schema: z.string(), mediaType: 'text/html' } },
      handle: (c) =>
        c.html(read().page, 200, {
          'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
        }),
    }),
    endpoint({
      method: 'get',
      path: '/',
      access: 'public',
      tag: TAG,
      summary: 'Leads to /docs',
      responses: { 302: { description: 'To /docs' } },
      handle: (c) => c.redirect('/docs'),
    }),
  ];
}
