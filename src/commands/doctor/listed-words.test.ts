import { describe, expect, it } from 'vitest';
import { inWordsOfList } from './listed-words.ts';

const worded = (todo: string): string | undefined =>
  inWordsOfList({ what: 'ComfyUI', well: false, says: '', todo }, 'gpu-a').todo;

describe('advice on a server of a list', () => {
  it.each([
    [
      'Write them into the address (COMFY_HTTP_URL=http://user:password@host), or set COMFY_HEADERS.',
      'Name the variable that holds user:password in credentials of gpu-a in COMFY_SERVERS, or those of its headers.',
    ],
    [
      'Correct user and password in COMFY_HTTP_URL, or the headers in COMFY_HEADERS.',
      'Correct the variables that credentials or headers of gpu-a in COMFY_SERVERS name.',
    ],
    [
      'Correct host and port in COMFY_WS_URL, or unset it: it is then derived from COMFY_HTTP_URL.',
      'Correct host and port in ws of gpu-a in COMFY_SERVERS, or leave it out: it is then derived from url of gpu-a in COMFY_SERVERS.',
    ],
    [
      'Set COMFY_HTTP_URL to the address of a ComfyUI server (usually port 8188), or unset it to simulate.',
      'Set url of gpu-a in COMFY_SERVERS to the address of a ComfyUI server (usually port 8188).',
    ],
  ])('names fields of the list (%s)', (single, listed) => {
    expect(worded(single)).toBe(listed);
  });
});
