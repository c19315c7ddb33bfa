import { describe, expect, it } from 'vitest';
import { createGraphMaker } from './graph-maker.ts';
import { objectInfoOf } from './prompt-answers.ts';
import { call, withSimulator } from './simulator-session.ts';

describe('every node class', () => {
  it('runs, or fails with NotImplementedError and its name as /sim/nodes says', async () => {
    await withSimulator({}, async ({ url, run }) => {
      const info = await objectInfoOf(url);
      const { runnable, not_runnable } = (await call(`${url}/sim/nodes`)).body as Record<
        'runnable' | 'not_runnable',
        string[]
      >;
      expect([...runnable, ...not_runnable].sort()).toEqual(Object.keys(info).sort());
      const maker = createGraphMaker(
        Object.fromEntries(
          Object.entries(info).filter(
            ([name, { output_node }]) => runnable.includes(name) || output_node,
          ),
        ),
      );
      const whole = createGraphMaker(info);
      const surprises: unknown[] = [];
      let ran = 0;
      for (const classType of Object.keys(info)) {
        const isExpected = runnable.includes(classType);
        const graph = isExpected ? maker.around(classType) : whole.around(classType);
        if (!graph) continue;
        const entry = await run(graph);
        const [event, data] = entry.status.messages.at(-1);
        if (isExpected && event === 'execution_success') ran += 1;
        else if (isExpected || data.exception_type !== 'NotImplementedError') {
          surprises.push([classType, data]);
        } else if (data.node_type === classType) {
          expect(data.exception_message).toContain(`knows ${classType} but cannot execute it`);
        }
      }
      expect(surprises).toEqual([]);
      expect(ran).toBeGreaterThan(150);
    });
  });
});
