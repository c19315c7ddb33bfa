/** What configures a server, as messages for its operator call it. */
export interface SettingNames {
  readonly address: string;
  readonly credentials: string;
}

/** Those of a server that is configured alone. */
export const SINGLE_SERVER: SettingNames = {
  address: 'COMFY_HTTP_URL',
  credentials: 'COMFY_HTTP_URL or COMFY_HEADERS',
};
