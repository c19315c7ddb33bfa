import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Connection } from '@temporalio/client';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { SEARCH_ATTRIBUTES } from '../../src/domain/naming.ts';
import { readComposeFile, REPOSITORY } from './compose-file.ts';

const run = promisify(execFile);

describe('scripts of the one-shot services', () => {
  let bin: string;
  beforeEach(async () => {
    bin = await mkdtemp(join(tmpdir(), 'orchestrator-bin-'));
  });
  afterEach(() => rm(bin, { recursive: true, force: true }));

  /** Runs a service's script with the service's environment and `bin` in front of the path. */
  const runScript = async (service: string, over: Record<string, string>): Promise<string> => {
    const { entrypoint = [], environment } = (await readComposeFile()).services[service] ?? {};
    const [shell = '', script = ''] = entrypoint;
    const path = `${bin}:${process.env['PATH'] ?? ''}`;
    const { stdout } = await run(shell, [script.replace('/deploy/', 'deploy/temporal/')], {
      cwd: REPOSITORY,
      env: { PATH: path, HOME: bin, ...environment, ...over },
    });
    return stdout;
  };

  it('creates the namespace with retention and search attributes, and again without harm', async () => {
    await symlink(inject('temporalBinary'), join(bin, 'temporal'));
    const address = inject('temporalAddress');
    const namespace = `test-${randomUUID()}`;
    const over = { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace };
    const first = await runScript('temporal-namespace', over);
    expect(first).toContain(`Namespace ${namespace} is ready`);
    await runScript('temporal-namespace', { ...over, NAMESPACE_RETENTION: '72h' });

    const connection = await Connection.connect({ address });
    try {
      const described = await connection.workflowService.describeNamespace({ namespace });
      const retention = described.config?.workflowExecutionRetentionTtl?.seconds;
      expect(Number(retention)).toBe(72 * 3_600);
      const { customAttributes } = await connection.operatorService.listSearchAttributes({
        namespace,
      });
      expect(Object.keys(customAttributes ?? {}).sort()).toEqual([...SEARCH_ATTRIBUTES].sort());
    } finally {
      await connection.close();
    }
  });

  it('says what failed when there is no server', async () => {
    await symlink(inject('temporalBinary'), join(bin, 'temporal'));
    const over = { TEMPORAL_ADDRESS: '127.0.0.1:1', ATTEMPTS: '1' };
    await expect(runScript('temporal-namespace', over)).rejects.toMatchObject({
      stderr: expect.stringMatching(/^Failed after 1 attempts: temporal operator cluster health/),
    });
  });

  it('creates, sets up and updates both databases, with the password out of sight', async () => {
    const log = join(bin, 'calls');
    const tool = `#!/bin/sh\necho "$SQL_PASSWORD: $*" >> '${log}'\n`;
    await writeFile(join(bin, 'temporal-sql-tool'), tool, { mode: 0o755 });
    await runScript('temporal-schema', {});
    const connect = '--plugin postgres12 --endpoint postgres --port 5432 --user orchestrator';
    expect((await readFile(log, 'utf8')).trim().split('\n')).toEqual(
      ['temporal', 'visibility'].flatMap((store) => {
        const database = store === 'temporal' ? 'temporal' : 'temporal_visibility';
        return [
          `orchestrator: ${connect} --database ${database} create`,
          `orchestrator: ${connect} --database ${database} setup-schema -v 0.0`,
          `orchestrator: ${connect} --database ${database} update-schema --schema-name postgresql/v12/${store}`,
        ];
      }),
    );
  });
});
