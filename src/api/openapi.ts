import type { Api } from './endpoint.ts';

/** The OpenAPI 3.1 document of all endpoints, generated from their schemas. */
export function openApiDocument(api: Api) {
  return api.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Civitai orchestrator, self-hosted',
      version: '0.1.0',
      description:
        "A durable, self-hosted drop-in for Civitai's generation orchestrator. Errors are RFC 7807 problems " +
        '(`application/problem+json`); every answer carries the `traceparent` that log lines and job events show.',
      license: { name: 'MIT' },
    },
    servers: [{ url: '/' }],
  });
}
