import { describe, expect, it } from 'vitest';
import { outputQuery } from './output-place.ts';

const file = (filename: string, subfolder: string) =>
  outputQuery({ nodeId: '9', filename, subfolder, type: 'output' });

describe('the place of an output', () => {
  it.each([
    ['a_00001_.png', ''],
    ['a..b.png', 'orchestrator/job..1'],
    ['größe 🦊.png', 'orchestrator\\job\\r1a1'],
  ])('may be %j in %j', (filename, subfolder) => {
    expect(file(filename, subfolder)).toEqual({ filename, subfolder, type: 'output' });
  });

  it.each([
    ['../../etc/passwd', ''],
    ['..', 'x'],
    ['..\\secret.png', ''],
    ['/etc/passwd', ''],
    ['C:\\secret.png', ''],
    ['', 'x'],
    ['a.png', '..'],
    ['a.png', 'x/../../y'],
    ['a.png', 'x\\..\\..\\y'],
    ['a.png', '/etc'],
    ['a.png', '\\\\host\\share'],
    ['a.png', 'c:/windows'],
    ['a\0.png', ''],
    ['a\ud800.png', ''],
    ['a'.repeat(1_001), ''],
  ])('is not %j in %j', (filename, subfolder) => {
    expect(() => file(filename, subfolder)).toThrow(/leads out of the server's folder/);
  });
});
