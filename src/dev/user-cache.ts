import { join } from 'node:path';

/** The program's cache folder of this user, where the platform keeps such things. */
export function userCacheDir(
  env: Readonly<Record<string, string | undefined>>,
  platform: string,
  home: string,
): string {
  const name = 'civitai-orchestrator';
  if (env['XDG_CACHE_HOME']) return join(env['XDG_CACHE_HOME'], name);
  if (platform === 'darwin') return join(home, 'Library', 'Caches', name);
  if (platform === 'win32' && env['LOCALAPPDATA']) return join(env['LOCALAPPDATA'], name, 'Cache');
  return join(home, '.cache', name);
}
