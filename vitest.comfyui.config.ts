/** The product in front of a real ComfyUI: `npm run test:comfyui`; docs/comfyui.md says what it needs. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    name: 'comfyui',
    include: ['test/comfyui/**/*.test.ts'],
    globalSetup: ['test/comfyui/require-server.ts', 'test/support/global-setup.ts'],
    testTimeout: 300_000,
    hookTimeout: 180_000,
    fileParallelism: false,
  },
});
