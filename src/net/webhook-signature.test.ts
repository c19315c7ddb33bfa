import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { deriveSecret, signWebhook } from './webhook-signature.ts';

const KEY = 'a key of the installation';
const body = JSON.stringify({ jobId: 'ä', type: 'Succeeded' });
const message = () => ({ id: 'msg_1', at: new Date(), body });

describe('the signature of a callback, as the verifier of standardwebhooks sees it', () => {
  const secret = deriveSecret(KEY, 'local', 'salt');

  it('is accepted', () => {
    const verified = new Webhook(secret).verify(body, { ...signWebhook([secret], message()) });
    expect(verified).toEqual({ jobId: 'ä', type: 'Succeeded' });
  });

  it('is accepted with the old and with the new secret while both are valid', () => {
    const next = deriveSecret(KEY, 'local', 'other salt');
    const headers = { ...signWebhook([next, secret], message()) };
    for (const either of [secret, next]) new Webhook(either).verify(body, headers);
  });

  it('is refused for another tenant, another salt, another key, another body, id or time', () => {
    const headers = { ...signWebhook([secret], message()) };
    for (const other of [
      deriveSecret(KEY, 'local2', 'salt'),
      deriveSecret(KEY, 'local', 'salt2'),
      deriveSecret('another', 'local', 'salt'),
    ])
      expect(() => new Webhook(other).verify(body, headers)).toThrow('No matching signature');
    const webhook = new Webhook(secret);
    expect(() => webhook.verify(`${body} `, headers)).toThrow('No matching signature');
    expect(() => webhook.verify(body, { ...headers, 'webhook-id': 'msg_2' })).toThrow('matching');
    const old = signWebhook([secret], { ...message(), at: new Date(Date.now() - 3_600_000) });
    expect(() => webhook.verify(body, { ...old })).toThrow('too old');
  });
});
