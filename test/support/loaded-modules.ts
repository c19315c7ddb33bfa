/** A program that starts API and workers, stops them, and prints which CommonJS modules that loaded. */
import { createRequire } from 'node:module';
import { startServing } from '../../src/commands/serve.ts';
import { loadConfig } from '../../src/config.ts';
import { silentLogger } from '../../src/telemetry.ts';

const serving = await startServing('monolith', loadConfig(process.env), silentLogger);
await serving.stop();
const loaded = Object.keys(createRequire(import.meta.url).cache);
process.stdout.write(`${JSON.stringify(loaded)}\n`);
process.exit(0);
