import { NativeConnection } from '@temporalio/worker';
import { connectionOptions } from './client/temporal.ts';
import type { Base } from './compose.ts';

/** Connection of the workers; lives as long as the process. */
export async function composeWorkerConnection(base: Base): Promise<NativeConnection> {
  return base.lifecycle.add(
    'temporal worker connection',
    await NativeConnection.connect(connectionOptions(base.temporal)),
    (open) => open.close(),
  );
}
