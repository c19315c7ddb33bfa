import { describe, expect, it } from 'vitest';
import { networkFault } from './network-fault.ts';

const URL_ = new URL('https://gpu.example.org');
/** As `fetch` wraps what the socket said. */
const failed = (code: string): Error =>
  new TypeError('fetch failed', { cause: Object.assign(new Error('socket'), { code }) });

describe('networkFault', () => {
  it.each([
    ['ECONNREFUSED', 'nothing listens at gpu.example.org:443', 'correct host and port'],
    ['ENOTFOUND', 'no host gpu.example.org is known here', 'Correct the host'],
    ['EAI_AGAIN', 'no host gpu.example.org is known here', 'Correct the host'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'certificate of https://gpu.example.org', 'NODE_EXTRA_CA'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'is not trusted', 'NODE_EXTRA_CA_CERTS'],
    ['CERT_HAS_EXPIRED', 'is not trusted', 'NODE_EXTRA_CA_CERTS'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'is not trusted', 'a host name the certificate is made for'],
    ['EPROTO', 'does not speak TLS', 'Write http:// and ws://'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'does not speak TLS', 'Write http:// and ws://'],
    ['UND_ERR_SOCKET', 'ended the connection', 'whether it must start with https://'],
  ])('knows %s, and what to do', (code, says, todo) => {
    const fault = networkFault(URL_, 'COMFY_HTTP_URL', failed(code));
    expect(fault?.message).toContain(says);
    expect(fault?.message).toContain(`(${code})`);
    expect(fault?.todo).toContain(todo);
  });

  it('leaves an error without a code to others', () => {
    expect(
      networkFault(URL_, 'COMFY_HTTP_URL', new Error('no answer within 5 ms')),
    ).toBeUndefined();
  });
});
