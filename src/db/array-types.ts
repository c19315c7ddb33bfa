/**
 * Arrays of the types that our statements use, by the fixed numbers of PostgreSQL's catalogue
 * (https://github.com/postgres/postgres/blob/REL_17_STABLE/src/include/catalog/pg_type.dat). The driver would ask each new
 * connection for them, in a query of its own whose failure ends the process: a database that cuts connections as they
 * begin took API and workers down with it (`fetchArrayTypes` of postgres 3.4.9).
 */
import { parse } from 'postgres-array';

const asText = (text: string): string => text;

/** Element type → number of its array type and how an element is read. */
const ARRAYS = {
  boolArray: [1000, (text: string): boolean => text === 't'],
  nameArray: [1003, asText],
  int2Array: [1005, Number],
  int4Array: [1007, Number],
  textArray: [1009, asText],
  varcharArray: [1015, asText],
  int8Array: [1016, Number],
  float8Array: [1022, Number],
  timestamptzArray: [1185, (text: string): Date => new Date(text)],
  uuidArray: [2951, asText],
} as const satisfies Record<string, readonly [number, (text: string) => unknown]>;

type Element = string | number | boolean | Date | null;

const written = (element: Element): string => {
  if (element === null) return 'null';
  const text = element instanceof Date ? element.toISOString() : String(element);
  return `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
};

/** Types for the driver's `types` option. An element that is null stays null. */
export const arrayTypes = Object.fromEntries(
  Object.entries(ARRAYS).map(([name, [number, read]]) => [
    name,
    {
      to: number,
      from: [number],
      serialize: (elements: readonly Element[] | string): string =>
        typeof elements === 'string' ? elements : `{${elements.map(written).join(',')}}`,
      parse: (text: string): unknown[] => parse<unknown>(text, read),
    },
  ]),
);
