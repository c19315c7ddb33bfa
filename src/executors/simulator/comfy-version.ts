/** The ComfyUI releases whose manners the simulator knows. The first two were compared with real servers, the last was read. */
export const COMFY_VERSIONS = ['0.3.64', '0.10.0', '0.38.1'] as const;
export type ComfyVersion = (typeof COMFY_VERSIONS)[number];

export const DEFAULT_COMFY_VERSION: ComfyVersion = '0.10.0';

/** In what the releases differ on the wire. */
export interface VersionManners {
  readonly version: ComfyVersion;
  /** Ids that are no lowercase UUID are refused; otherwise any JSON value becomes its Python `str()`. */
  readonly strictPromptIds: boolean;
  /** `missing_node_type` and `dependency_cycle` errors; earlier releases know `invalid_prompt` and an unexplained refusal. */
  readonly namesMissingTypes: boolean;
  /** Choices of combos declared as `["COMBO", {options}]` are checked. */
  readonly checksComboOptions: boolean;
  /** `/api/jobs`; `cancel` adds the POST routes. */
  readonly jobs: 'none' | 'read' | 'cancel';
  /** Progress at most ten times a second instead of every step. */
  readonly throttlesProgress: boolean;
  /** `extra_data.create_time`, and a prompt's own `preview_method`. */
  readonly stampsPrompts: boolean;
  readonly osName: string;
}

/** The manners of a release. */
export const mannersOf = (version: ComfyVersion): VersionManners => {
  const early = version === '0.3.64';
  const newest = version === '0.38.1';
  return {
    version,
    strictPromptIds: newest,
    namesMissingTypes: newest,
    checksComboOptions: !early,
    jobs: early ? 'none' : newest ? 'cancel' : 'read',
    throttlesProgress: !early,
    stampsPrompts: !early,
    osName: early ? 'posix' : process.platform,
  };
};
