/** What a tenant may take of the servers. Pure; imported by workflows. */
export interface TenantPolicy {
  /** Share of the servers beside the others' weights. */
  readonly weight: number;
  /** Jobs it may have on servers at a time; undefined for no limit. */
  readonly maxRunning: number | undefined;
}

interface QueuePriority {
  readonly priorityKey: number;
  readonly fairnessKey: string;
  readonly fairnessWeight?: number;
}

/** Temporal takes fairness weights of 0.001 to 1000. */
export const MIN_WEIGHT = 0.001;
export const MAX_WEIGHT = 1_000;

/** Temporal takes fairness keys of 64 bytes. */
const KEY_LENGTH = 64;
const HASH_LENGTH = 9;

/** A tenant's fairness key: its name, or what fits of it with a hash of the whole. */
export function fairnessKeyOf(tenant: string): string {
  const name = encodeURIComponent(tenant.replace(/\p{Surrogate}/gu, '\uFFFD'));
  if (name.length <= KEY_LENGTH) return name;
  return `${name.slice(0, KEY_LENGTH - HASH_LENGTH)}~${hash(name)}`;
}

/** Where a task of a tenant stands in a queue of Temporal. */
export const queuePriority = (
  job: { readonly tenant: string; readonly fairnessWeight?: number },
  level: number,
): QueuePriority => ({
  priorityKey: level,
  fairnessKey: fairnessKeyOf(job.tenant),
  ...(job.fairnessWeight === undefined ? {} : { fairnessWeight: job.fairnessWeight }),
});

/** FNV-1a, 32 bits, as eight hexadecimal digits. */
function hash(text: string): string {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1)
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  return (value >>> 0).toString(16).padStart(8, '0');
}
