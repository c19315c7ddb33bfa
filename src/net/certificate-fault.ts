/** What Node calls a certificate that it does not trust: https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const UNTRUSTED =
  /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|CERT_\w+)$/;
const OTHER_NAME = 'ERR_TLS_CERT_ALTNAME_INVALID';

/** True when a connection failed because of the other side's certificate. */
export const isCertificateFault = (code: string): boolean =>
  code === OTHER_NAME || UNTRUSTED.test(code);

/** The code of a failed connection, with what is wrong when it is the certificate. */
export function explainedCode(code: string): string {
  if (code === OTHER_NAME) return `the certificate is for another name (${code})`;
  return UNTRUSTED.test(code)
    ? `the certificate is not trusted (${code}); NODE_EXTRA_CA_CERTS names authorities to trust`
    : code;
}
