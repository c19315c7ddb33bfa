import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodePng } from '../../src/executors/simulator/picture/decode-png.ts';
import { readModelList } from '../../src/executors/simulator/model-list.ts';
import { call, post, textToImage, until, withSimulator, type Json } from './simulator-session.ts';

const NAMES = [
  'plain.safetensors',
  'with spaces (v2).safetensors',
  'sub/folder/deep.safetensors',
  'sub\\windows\\deep.safetensors',
  'モデル/日本語 é.safetensors',
  'it\'s "quoted".safetensors',
];

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'simulator-models-'));
});
afterAll(async () => rm(dir, { recursive: true, force: true }));

const listFile = async (content: unknown): Promise<string> => {
  const path = join(dir, 'models.json');
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
};

describe('model lists', () => {
  it.each(NAMES)('list, accept and draw with %s exactly as it is written', async (name) => {
    const models = await readModelList(await listFile({ checkpoints: [name], loras: [name] }));
    await withSimulator({ models }, async ({ url, run }) => {
      expect((await call(`${url}/models/checkpoints`)).body).toEqual([name]);
      const { body } = await call(`${url}/object_info/LoraLoader`);
      expect(body.LoraLoader.input.required.lora_name[0]).toEqual([name]);
      const entry = await run(textToImage({ checkpoint: name, lora: name }));
      expect(entry.status.status_str).toBe('success');
      const refused = await post(`${url}/prompt`, {
        prompt: textToImage({ checkpoint: `${name} `, lora: name }),
      });
      expect(refused.status).toBe(400);
      expect(refused.body.node_errors['1'].errors[0]).toMatchObject({
        type: 'value_not_in_list',
        extra_info: { received_value: `${name} ` },
      });
    });
  });

  it('takes the other separator for another name, as a real server does', async () => {
    const models = { checkpoints: ['sub\\a.safetensors'], loras: ['sub/a.safetensors'] };
    await withSimulator({ models }, async ({ url }) => {
      const graph = textToImage({ checkpoint: 'sub/a.safetensors', lora: 'sub/a.safetensors' });
      expect((await post(`${url}/prompt`, { prompt: graph })).status).toBe(400);
    });
  });

  it('lists embeddings without extension and finds one in a sub-folder', async () => {
    const models = { checkpoints: ['a'], loras: ['b'], embeddings: ['neg\\easy one.pt', 'x/y.pt'] };
    await withSimulator({ models }, async ({ url, run, image }) => {
      expect((await call(`${url}/embeddings`)).body).toEqual(['neg\\easy one', 'x/y']);
      const drawn = async (negative: string) => {
        const entry = await run(textToImage({ checkpoint: 'a', lora: 'b', negative }));
        return Buffer.from(decodePng(await image(entry)).data).toString('base64');
      };
      const nobody = await drawn('blurry embedding:x/z');
      expect(nobody).toBe(await drawn('blurry '));
      expect(await drawn('blurry embedding:x/y')).not.toBe(nobody);
    });
  });

  it('knows old folder names, drops what is named twice, and reads a folder of files', async () => {
    const list = await listFile({ unet: ['a', 'b'], diffusion_models: ['b', 'c'], clip: ['d'] });
    expect(await readModelList(list)).toEqual({
      diffusion_models: ['a', 'b', 'c'],
      text_encoders: ['d'],
    });
    const folder = join(dir, 'models');
    await mkdir(join(folder, 'loras', 'sub folder'), { recursive: true });
    await writeFile(join(folder, 'loras', 'sub folder', 'ä b.safetensors'), '');
    await writeFile(join(folder, 'loras', 'notes.txt'), '');
    await mkdir(join(folder, 'vae'));
    expect(await readModelList(folder)).toEqual({
      loras: ['sub folder/ä b.safetensors'],
      vae: [],
    });
  });

  it.each([
    ['no JSON', '{"checkpoints": ', /models\.json: .*JSON/],
    ['a name that is no list', { checkpoints: 'a.safetensors' }, /array.*checkpoints/s],
    ['a name that is a number', { checkpoints: [7] }, /string.*checkpoints/s],
    ['an empty name', { checkpoints: [''] }, /checkpoints/],
    ['a list of folders', [['a']], /record|object/],
  ])('says what is wrong with %s', async (_what, content, message) => {
    const failure = readModelList(await listFile(content));
    await expect(failure).rejects.toMatchObject({ code: 'configuration' });
    await expect(failure).rejects.toThrow(message);
    await expect(failure).rejects.toThrow(/Give a JSON file/);
  });
});

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Runs the command line as a person does; `stop` sends what Ctrl-C sends. */
const command = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli.ts', 'simulator', ...args], {
    cwd: new URL('../../', import.meta.url),
    env: { PATH: process.env['PATH'] ?? '', DATA_DIR: dir, LOG_FORMAT: 'json', ...env },
  });
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output += data.toString()));
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code) => resolve({ code, output }));
  });
  return {
    ended,
    listening: (): Promise<string> =>
      until(() => /http:\/\/[\d.]+:\d+/.exec(output)?.[0] ?? undefined),
    stop: async (): Promise<Ended> => {
      child.kill('SIGINT');
      return ended;
    },
  };
};

describe('npm run simulator', () => {
  it('listens with its models and faults, works, and stops on a signal', async () => {
    const models = await listFile({ checkpoints: ['my model.safetensors'], loras: ['l.pt'] });
    const simulator = command(['--port', '0', '--models', models, '--comfy-version', '0.3.64'], {
      SIM_FAULTS: '[{"kind":"fail-node","classType":"KSampler"}]',
      SIM_STEP_MS: '0',
    });
    const url = await simulator.listening();
    expect((await call(`${url}/system_stats`)).body.system.comfyui_version).toBe('0.3.64');
    const prompt = textToImage({ checkpoint: 'my model.safetensors', lora: 'l.pt' });
    await post(`${url}/prompt`, { prompt });
    await post(`${url}/prompt`, { prompt });
    const log = await until(async () => {
      const { body } = await call(`${url}/sim/executions`);
      return body.executions[1]?.outcome === undefined ? undefined : body;
    });
    expect(log.executions.map((one: Json) => one.outcome as string)).toEqual(['error', 'success']);
    expect((await simulator.stop()).code).toBe(0);
  });

  it.each([
    [['--help'], 0, /--models <path>[\s\S]*SIM_STEP_MS[\s\S]*\/sim\/faults/],
    [['--port', 'http'], 2, /--port http: expected a whole number/],
    [['--port', '70000'], 2, /--port 70000/],
    [['--comfy-version', '1.0'], 2, /--comfy-version 1\.0: expected one of 0\.3\.64/],
    [['--models', 'nowhere.json'], 2, /nowhere\.json.*Give a JSON file/],
    [['--faults', '{"kind":"explode"}'], 2, /explode|Kinds are fail-node/],
    [['--faults', 'oops'], 2, /is no JSON/],
    [['--port', '0', '--host', '203.0.113.1'], 2, /cannot listen on 203\.0\.113\.1/],
  ])('answers %j with code %i and a sentence', async (args, code, words) => {
    const ended = await command(args).ended;
    expect(ended.output).toMatch(words);
    expect(ended.code).toBe(code);
    expect(ended.output).not.toMatch(/\n\s+at /);
  });
});
