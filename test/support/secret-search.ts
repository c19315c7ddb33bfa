/** Looks for secrets where they must not be: in texts, and in whatever Temporal knows of the workflows of a namespace. */
import type { Client } from '@temporalio/client';

/** What a secret looks like once it went through a URL, a JSON text or base64. */
const spellings = (secret: string): string[] => [
  ...new Set([
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    Buffer.from(secret).toString('base64').replace(/=+$/, ''),
  ]),
];

/** Names of the secrets that a text holds, with what stands around them. */
export const secretsIn = (
  text: string,
  secrets: Readonly<Record<string, string>>,
): readonly string[] =>
  Object.entries(secrets).flatMap(([name, secret]) =>
    spellings(secret).flatMap((spelling) => {
      const at = text.indexOf(spelling);
      return at < 0 ? [] : [`${name}: …${text.slice(Math.max(0, at - 80), at + 80)}…`];
    }),
  );

/** Bytes become the text they are; a payload's data is UTF-8. */
const readable = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, readable(inner)]));
};

const asText = (value: unknown): string =>
  JSON.stringify(readable(value), (_name, inner: unknown) =>
    typeof inner === 'bigint' ? inner.toString() : inner,
  );

/** Histories and descriptions (memo, search attributes, pending activities with their heartbeats) of all workflows, by id. */
export async function everythingInTemporal(client: Client): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for await (const { workflowId, runId } of client.workflow.list()) {
    const handle = client.workflow.getHandle(workflowId, runId);
    const [history, description] = await Promise.all([handle.fetchHistory(), handle.describe()]);
    texts.set(`${workflowId} ${runId}`, `${asText(history)}\n${asText(description.raw)}`);
  }
  return texts;
}
