/** Why no connection came about, in words, by the code Node gives. */
import { isCertificateFault } from '../../net/certificate-fault.ts';
import { Unwell } from './finding.ts';

const NO_TLS = /^(?:EPROTO|ERR_SSL_\w+)$/;
const NO_HOST = /^(?:ENOTFOUND|EAI_AGAIN)$/;

/** The first code along the causes of an error: what the socket said is wrapped. */
const codeOf = (error: unknown): string | undefined => {
  for (let at = error; at instanceof Error; at = at.cause)
    if ('code' in at && typeof at.code === 'string' && /^[A-Z]/.test(at.code)) return at.code;
  return undefined;
};

/** What keeps this process from talking to `url`, which stands in `variable`; undefined for what has no code. */
export function networkFault(url: URL, variable: string, error: unknown): Unwell | undefined {
  const code = codeOf(error);
  if (code === undefined) return undefined;
  const { origin, hostname, host, port, protocol } = url;
  if (code === 'ECONNREFUSED') {
    const shown = port === '' ? `${host}:${/s:$/.test(protocol) ? 443 : 80}` : host;
    return new Unwell(
      `nothing listens at ${shown} (${code})`,
      variable === 'COMFY_WS_URL'
        ? 'Correct host and port in COMFY_WS_URL, or unset it: it is then derived from COMFY_HTTP_URL.'
        : `Start ComfyUI there (python main.py --listen), or correct host and port in ${variable}; ComfyUI's usual port is 8188.`,
    );
  }
  if (NO_HOST.test(code))
    return new Unwell(
      `no host ${hostname} is known here (${code})`,
      `Correct the host in ${variable}, or write its IP address.`,
    );
  if (isCertificateFault(code))
    return new Unwell(
      `the certificate of ${origin} is not trusted (${code})`,
      'Name the certificate of its authority in NODE_EXTRA_CA_CERTS, and use a host name the certificate is made for.',
    );
  if (NO_TLS.test(code))
    return new Unwell(
      `${host} does not speak TLS (${code})`,
      `Write http:// and ws:// instead of https:// and wss:// in ${variable}.`,
    );
  return new Unwell(
    `${host} ended the connection without an answer (${code})`,
    `Check ${variable}, also whether it must start with https://, and the log of what runs there.`,
  );
}
