/** The API as one HTML page without scripts, fonts or anything from elsewhere. */
import { DOCS_STYLE } from './docs-style.ts';

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: unknown;
  readonly example?: unknown;
}
interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema?: Schema;
}
type Content = Readonly<Record<string, { readonly schema?: Schema }>>;
interface Operation {
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly description?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Content }>
  >;
  readonly security?: readonly unknown[];
}
/** What the page needs of an OpenAPI document. */
export interface OpenApiDocument {
  readonly info: {
    readonly title: string;
    readonly version: string;
    readonly description?: string;
  };
  readonly paths?: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> };
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};
const escape = (text: string): string => text.replace(/[&<>"]/g, (char) => ENTITIES[char] ?? char);
/** Escaped text in which `code` is marked. */
const prose = (text: string): string => escape(text).replace(/`([^`]+)`/g, '<code>$1</code>');
const anchor = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]+/g, '-');

/** Renders the document. */
export function docsPage(document: OpenApiDocument): string {
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const tags = [...new Set(operations.flatMap(({ operation }) => operation.tags ?? []))];
  const ofTag = (tag: string) =>
    operations.filter(({ operation }) => operation.tags?.includes(tag));
  const schemas = Object.entries(document.components?.schemas ?? {});
  const { title, version, description = '' } = document.info;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title><style>${DOCS_STYLE}</style></head><body>
<nav><strong>${escape(title)}</strong>
${tags.map((tag) => `<h2>${escape(tag)}</h2><ul>${ofTag(tag).map(navEntry).join('')}</ul>`).join('\n')}
<h2>Schemas</h2><ul>${schemas.map(([name]) => `<li><a href="#schema-${anchor(name)}">${escape(name)}</a></li>`).join('')}</ul></nav>
<main><h1>${escape(title)} <small>${escape(version)}</small></h1><p>${prose(description)}</p>
<p>Machine-readable: <a href="/openapi.json">/openapi.json</a></p>
${tags.map((tag) => `<h2>${escape(tag)}</h2>${ofTag(tag).map(section).join('\n')}`).join('\n')}
<h2>Schemas</h2>
${schemas.map(([name, schema]) => `<section id="schema-${anchor(name)}"><h3>${escape(name)}</h3>${schemaBlock(schema)}</section>`).join('\n')}
</main></body></html>`;
}

interface Entry {
  readonly path: string;
  readonly method: string;
  readonly operation: Operation;
}

const methodLabel = (method: string): string =>
  `<b class="${escape(method)}">${escape(method.toUpperCase())}</b>`;

const navEntry = ({ path, method, operation }: Entry): string =>
  `<li><a href="#${anchor(`${method} ${path}`)}">${methodLabel(method)} ${escape(operation.summary ?? path)}</a></li>`;

function section({ path, method, operation }: Entry): string {
  const lock = (operation.security ?? []).length > 0 ? ' <small>key</small>' : '';
  const parameters = (operation.parameters ?? []).map((parameter) =>
    row(
      parameter.name,
      `${parameter.in} · ${typeOf(parameter.schema ?? {})}`,
      parameter.required === true,
      parameter.description ?? parameter.schema?.description,
    ),
  );
  const body = Object.entries(operation.requestBody?.content ?? {}).map(
    ([type, { schema = {} }]) => `<p>Body <code>${escape(type)}</code>: ${typeOf(schema)}</p>`,
  );
  const answers = Object.entries(operation.responses).map(([status, answer]) => {
    const types = Object.entries(answer.content ?? {}).map(
      ([type, { schema = {} }]) => `${escape(type)} · ${typeOf(schema)}`,
    );
    return `<tr><td><code>${escape(status)}</code></td><td>${types.join('<br>')}</td><td>${prose(answer.description)}</td></tr>`;
  });
  return `<section id="${anchor(`${method} ${path}`)}"><h3>${methodLabel(method)} <code>${escape(path)}</code>${lock}</h3>
<p>${prose(operation.summary ?? '')}. ${prose(operation.description ?? '')}</p>
${parameters.length > 0 ? `<table>${parameters.join('')}</table>` : ''}${body.join('')}
<details open><summary>Answers</summary><table>${answers.join('')}</table></details></section>`;
}

function schemaBlock(schema: Schema): string {
  const { properties } = schema;
  if (!properties) return `<p>${typeOf(schema)} ${prose(schema.description ?? '')}</p>`;
  const rows = Object.entries(properties).map(([name, field]) =>
    row(
      name,
      typeOf(field),
      schema.required?.includes(name) === true,
      [field.description, example(field)].filter(Boolean).join(' '),
    ),
  );
  return `<table>${rows.join('')}</table>`;
}

const row = (name: string, type: string, isRequired: boolean, description = ''): string =>
  `<tr><td><code>${escape(name)}</code>${isRequired ? ' <small>required</small>' : ''}</td><td>${type}</td><td>${prose(description)}</td></tr>`;

const example = (schema: Schema): string =>
  schema.example === undefined ? '' : `Example: \`${JSON.stringify(schema.example)}\``;

/** A schema's type in HTML, with a link to named ones. */
function typeOf(schema: Schema): string {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').at(-1) ?? '';
    return `<a href="#schema-${anchor(name)}">${escape(name)}</a>`;
  }
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.map(typeOf).join(' or ');
  if (schema.allOf) return schema.allOf.map(typeOf).join(' and ');
  if (schema.const !== undefined) return `<code>${escape(JSON.stringify(schema.const))}</code>`;
  if (schema.enum)
    return schema.enum.map((value) => `<code>${escape(String(value))}</code>`).join(', ');
  const types = typeof schema.type === 'string' ? [schema.type] : (schema.type ?? ['any']);
  return (
    types.map((type) => escape(plainType(type, schema))).join(' or ') +
    inner(schema) +
    limits(schema)
  );
}

const plainType = (type: string, schema: Schema): string =>
  schema.format === undefined || type !== 'string' ? type : `${type} (${schema.format})`;

function inner(schema: Schema): string {
  if (schema.items) return ` of ${typeOf(schema.items)}`;
  return typeof schema.additionalProperties === 'object' &&
    Object.keys(schema.additionalProperties).length > 0
    ? ` of ${typeOf(schema.additionalProperties)}`
    : '';
}

function limits({ minimum, maximum, default: initial }: Schema): string {
  const isBounded =
    minimum !== undefined && maximum !== undefined && Math.abs(minimum) < 2 ** 53 - 1;
  return (
    (isBounded ? ` ${minimum}…${maximum}` : '') +
    (initial === undefined ? '' : ` = ${escape(JSON.stringify(initial))}`)
  );
}
