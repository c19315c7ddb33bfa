/** An error text without the addresses of servers: URLs, IP addresses, host:port pairs, and the host of a failed look-up. */
export const withoutAddresses = (text: string): string =>
  text
    .replace(/\b(?:https?|wss?):\/\/[^\s;,'")]+/gi, '(address)')
    .replace(/\b(ENOTFOUND|EAI_AGAIN) [^\s;,]+/g, '$1 (address)')
    .replace(/\[[0-9a-f:.]{2,}\](?::\d+)?/gi, '(address)')
    .replace(/(?<![\w:])(?:[0-9a-f]{0,4}:){2,}[0-9a-f]{1,4}/gi, '(address)')
    .replace(/(?<![\w.-])[a-z0-9][a-z0-9.-]*:\d{2,5}(?!\d)/gi, '(address)')
    .replace(/(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])/g, '(address)');
