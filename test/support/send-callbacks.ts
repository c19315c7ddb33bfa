/**
 * A process that has one turn of each stream, in which every name means 127.0.0.1; what it trusts is decided by how it is
 * started. Arguments: URL of the database, ids of the streams.
 */
import { connectDatabase } from '../../src/db/connect.ts';
import { createAddressRules } from '../../src/net/address-rules.ts';
import { createOutgoing } from '../../src/net/outgoing.ts';
import { createCallbackSender } from './callback-sender.ts';

const [url = '', ...streamIds] = process.argv.slice(2);
const sql = connectDatabase({ url, maxConnections: 1, applicationName: 'send-callbacks' });
const outgoing = createOutgoing(createAddressRules(['127.0.0.1']), async () => [
  { address: '127.0.0.1' },
]);
const turn = createCallbackSender(sql, outgoing);
for (const streamId of streamIds) await turn(streamId);
await sql.end();
