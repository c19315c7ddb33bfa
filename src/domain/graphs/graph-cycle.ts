import { isLink, type Graph } from './graph.ts';

/** Node ids of a cycle, the first one again at its end; undefined for a graph without one. Links must lead somewhere. */
export function findCycle(graph: Graph): readonly string[] | undefined {
  const targets = (id: string): string[] =>
    Object.values(graph[id]?.inputs ?? {}).flatMap((value) => (isLink(value) ? [value[0]] : []));
  const done = new Set<string>();
  for (const start of Object.keys(graph)) {
    // A stack of its own: a graph of 5,000 nodes in a row would overflow the program's.
    const path: string[] = [];
    const onPath = new Set<string>();
    const open: { readonly id: string; readonly rest: string[] }[] = [];
    const enter = (id: string): void => {
      path.push(id);
      onPath.add(id);
      open.push({ id, rest: targets(id) });
    };
    if (!done.has(start)) enter(start);
    for (let top = open.at(-1); top; top = open.at(-1)) {
      const next = top.rest.pop();
      if (next === undefined) {
        open.pop();
        path.pop();
        onPath.delete(top.id);
        done.add(top.id);
      } else if (onPath.has(next)) return [...path.slice(path.indexOf(next)), next];
      else if (!done.has(next)) enter(next);
    }
  }
  return undefined;
}
