/** Callbacks over TLS: who is talked to, and what of a certificate is not accepted. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCallbackLog, type DeliveryRecord } from '../../src/db/callback-log.ts';
import { createAddressRules } from '../../src/net/address-rules.ts';
import { createOutgoing } from '../../src/net/outgoing.ts';
import { createCallbackSender, newToldJob } from '../support/callback-sender.ts';
import { createAuthority, createCertificate, type Certificate } from '../support/certificates.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const SENDER = fileURLToPath(new URL('../support/send-callbacks.ts', import.meta.url));
const HOST = 'hooks.example.org';
/** Nothing here is known to a name server. */
const toLoopback = async () => [{ address: '127.0.0.1' }];

interface Reached {
  readonly servername: unknown;
  readonly host: string | undefined;
  readonly address: string | undefined;
  readonly path: string | undefined;
}

let database: TestDatabase;
let folder: string;
let authority: Certificate;
const servers: Server[] = [];
const reached: Reached[] = [];

/** A receiver on loopback with this certificate; resolves with its port. */
async function startReceiver(certificate: Certificate): Promise<number> {
  const server = createServer(certificate, (request, response) => {
    const { servername, localAddress } = request.socket as TLSSocket & { servername?: string };
    reached.push({
      ...{ servername, host: request.headers.host, address: localAddress, path: request.url },
    });
    request.resume().on('end', () => response.writeHead(204).end());
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push(server);
  return (server.address() as AddressInfo).port;
}

beforeAll(async () => {
  [database, folder, authority] = await Promise.all([
    createTestDatabase(),
    mkdtemp(join(tmpdir(), 'callback-tls-')),
    createAuthority(),
  ]);
  await writeFile(join(folder, 'ca.pem'), authority.cert);
});
afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await rm(folder, { recursive: true });
  await database.drop();
});

const deliveryOf = async (jobId: string): Promise<DeliveryRecord> => {
  const [record] = await createCallbackLog(database.sql).listDeliveries('local', jobId);
  if (!record) throw new Error(`nothing is told of ${jobId}`);
  return record;
};

/** What became of callbacks to these addresses in a process that was started with the authority's certificate. */
async function sendTrusting(...urls: readonly string[]): Promise<DeliveryRecord[]> {
  const jobs: string[] = [];
  for (const url of urls) jobs.push(await newToldJob(database.sql, url));
  await promisify(execFile)(process.execPath, ['--import', 'tsx', SENDER, database.url, ...jobs], {
    env: { ...process.env, NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') },
  });
  return Promise.all(jobs.map(deliveryOf));
}

describe('a callback over TLS', () => {
  it('goes to the address that was checked, under the name of its URL, when the operator trusts the authority', async () => {
    const [good, other, expired] = await Promise.all([
      createCertificate(HOST, authority).then(startReceiver),
      createCertificate('other.example.org', authority).then(startReceiver),
      createCertificate(HOST, authority, -1).then(startReceiver),
    ]);
    const [delivered, wrongName, tooOld] = await sendTrusting(
      `https://${HOST}:${good}/good`,
      `https://${HOST}:${other}/other`,
      `https://${HOST}:${expired}/expired`,
    );
    expect(delivered).toMatchObject({ state: 'delivered', status: 204, error: null });
    expect(wrongName).toMatchObject({
      ...{ state: 'pending', tries: 1, status: null },
      error: `POST https://${HOST}:${other} failed: the certificate is for another name (ERR_TLS_CERT_ALTNAME_INVALID).`,
    });
    expect(tooOld).toMatchObject({
      ...{ state: 'pending', tries: 1, status: null },
      error: expect.stringContaining('the certificate is not trusted (CERT_HAS_EXPIRED)'),
    });
    expect(reached).toEqual([
      { servername: HOST, host: `${HOST}:${good}`, address: '127.0.0.1', path: '/good' },
    ]);
  });

  it.each([
    ['an authority that nobody here knows', () => createCertificate(HOST, authority)],
    ['itself', () => createCertificate(HOST)],
  ])('is not sent to a receiver whose certificate is signed by %s', async (_signer, make) => {
    const port = await startReceiver(await make());
    const jobId = await newToldJob(database.sql, `https://${HOST}:${port}/untrusted`);
    const outgoing = createOutgoing(createAddressRules(['127.0.0.1']), toLoopback);
    await createCallbackSender(database.sql, outgoing)(jobId);
    expect(await deliveryOf(jobId)).toMatchObject({
      ...{ state: 'pending', tries: 1, status: null },
      error: expect.stringMatching(/the certificate is not trusted \(\w+\); NODE_EXTRA_CA_CERTS/),
    });
    expect(reached.map(({ path }) => path)).not.toContain('/untrusted');
  });
});
