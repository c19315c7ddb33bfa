import { createHmac, timingSafeEqual } from 'node:crypto';

/** One file that one lease may carry in one direction. */
export interface Transfer {
  readonly operation: 'upload' | 'download';
  readonly key: string;
  readonly serverId: string;
  readonly promptId: string;
  readonly maxBytes: number;
}

export interface TransferSigner {
  /** Query of a link that is good for this transfer only, and only to begin within its short life. */
  sign(transfer: Transfer): URLSearchParams;
  /** The transfer that a link names, or why it names none. */
  verify(
    operation: Transfer['operation'],
    query: Readonly<Record<string, string>>,
  ): Transfer | 'expired' | 'wrong';
}

/** A worker asks for a link right before it uses it. */
const TTL_MS = 5 * 60_000;

/** Signs with HMAC-SHA256 over everything that the link says. */
export function createTransferSigner(options: {
  readonly key: string;
  readonly now: () => Date;
}): TransferSigner {
  const digest = (transfer: Transfer, exp: string): Buffer => {
    const { operation, key, serverId, promptId, maxBytes } = transfer;
    // JSON keeps the parts apart; the first word keeps these signatures apart from those of blob links.
    const said = JSON.stringify(['transfer', operation, key, serverId, promptId, maxBytes, exp]);
    return createHmac('sha256', options.key).update(said).digest();
  };
  return {
    sign(transfer) {
      const exp = String(options.now().getTime() + TTL_MS);
      return new URLSearchParams({
        key: transfer.key,
        server: transfer.serverId,
        prompt: transfer.promptId,
        max: String(transfer.maxBytes),
        exp,
        sig: digest(transfer, exp).toString('base64url'),
      });
    },
    verify(operation, { key = '', server = '', prompt = '', max = '', exp = '', sig = '' }) {
      const transfer: Transfer = {
        operation,
        key,
        serverId: server,
        promptId: prompt,
        maxBytes: Number(max),
      };
      const expected = digest(transfer, exp);
      const seen = Buffer.from(sig, 'base64url');
      if (seen.length !== expected.length || !timingSafeEqual(seen, expected)) return 'wrong';
      return Number(exp) > options.now().getTime() ? transfer : 'expired';
    },
  };
}
