/** What a process does, as its command names it. */
export type Role = 'api' | 'worker' | 'worker-cpu' | 'worker-gpu' | 'monolith';
