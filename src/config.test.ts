import { describe, expect, it } from 'vitest';
import { loadConfig } from './config.ts';
import { VARIABLES, type VariableName } from './config-variables.ts';
import { isOrchestratorError } from './errors.ts';

const refusal = (env: Record<string, string>): string => {
  try {
    loadConfig(env);
  } catch (error) {
    if (isOrchestratorError(error) && error.code === 'configuration') return error.message;
    throw error;
  }
  throw new Error('nothing was thrown');
};

const NAMES = Object.keys(VARIABLES) as VariableName[];
/** A wrong value for every variable that can have one. */
const WRONG = NAMES.flatMap((name) => {
  const { schema } = VARIABLES[name];
  const wrong = ['no value of anything', '°'].find((text) => !schema.safeParse(text).success);
  return wrong === undefined ? [] : [[name, wrong] as const];
});

describe('loadConfig', () => {
  it('needs nothing, and simulates then', () => {
    const config = loadConfig({});
    expect(config).toMatchObject({ HOST: '127.0.0.1', AUTH: 'open', simulation: true });
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('takes the example of every variable', () => {
    const env = Object.fromEntries(
      Object.entries(VARIABLES)
        // A list of servers stands instead of a single one.
        .filter(([name]) => name !== 'COMFY_SERVERS' && name !== 'COMFY_SERVE')
        .map(([name, { example }]) => [name, example]),
    );
    expect(loadConfig(env).simulation).toBe(false);
    expect(VARIABLES.COMFY_SERVE.schema.parse(VARIABLES.COMFY_SERVE.example)).toEqual([
      'gpu-a',
      'gpu-b',
    ]);
  });

  it.each(WRONG)('names %s, the seen value and an example when it is wrong', (name, wrong) => {
    const message = refusal({ [name]: wrong });
    const variable = VARIABLES[name];
    expect(message).toContain(`${name}: seen`);
    expect(message).toContain(`Example: ${name}=${variable.example}`);
    if ('secret' in variable) expect(message).not.toContain(wrong);
    else expect(message).toContain(`'${wrong}'`);
  });

  it('knows wrong values of all but free texts', () => {
    const tested = new Set<string>(WRONG.map(([name]) => name));
    const free = NAMES.filter((name) => !tested.has(name));
    expect(free.sort()).toEqual([
      'BLOB_DIR',
      'COMFY_SERVERS',
      'DATA_DIR',
      'HOST',
      'METRICS_HOST',
      'NODE_ENV',
      'OTEL_SERVICE_NAME',
      'PROVIDER_NAME',
      'SIM_FAULTS',
      'SIM_MODELS',
      'TEMPORAL_ADDRESS',
      'TEMPORAL_API_KEY',
      'TEMPORAL_CLI_PATH',
      'TEMPORAL_NAMESPACE',
      'TEMPORAL_TLS_CLIENT_CERT_PATH',
      'TEMPORAL_TLS_CLIENT_KEY_PATH',
      'TEMPORAL_TLS_SERVER_CA_CERT_PATH',
      'TEMPORAL_TLS_SERVER_NAME',
    ]);
  });

  it('tells everything that is wrong at once', () => {
    const message = refusal({ PORT: '99999', COMFY_ROOM: '1.5', AUTH: 'none' });
    for (const name of ['PORT', 'COMFY_ROOM', 'AUTH']) expect(message).toContain(`${name}: seen`);
  });

  it('never shows a secret', () => {
    const url = 'mysql://user:hunter2@host/db';
    expect(refusal({ DATABASE_URL: url, BLOB_SIGNING_KEY: 'hunter2' })).not.toContain('hunter2');
  });

  it.each([
    'htp://user:hunter2@gpu:8188',
    'http://user:hunter/2@gpu:8188',
    'user:hunter2@gpu:8188',
  ])('hides the password of an address it refuses (%s)', (COMFY_HTTP_URL) => {
    const message = refusal({ COMFY_HTTP_URL });
    expect(message).not.toContain('hunter');
    expect(message).toContain('(hidden)@gpu:8188');
  });

  it('reads headers as JSON, with names in lower case', () => {
    const COMFY_HEADERS = '{"Authorization":"Bearer a;b, c","CF-Access-Client-Id":"x"}';
    expect(loadConfig({ COMFY_HEADERS }).COMFY_HEADERS).toEqual({
      authorization: 'Bearer a;b, c',
      'cf-access-client-id': 'x',
    });
  });

  it.each([
    ['Authorization: Bearer hunter2', 'expected a JSON object'],
    ['{"authorization":["hunter2"]}', 'values that are texts'],
    ['{"authorization":"hunter2\\nx: y"}', 'header "authorization" cannot be sent'],
    ['{"au thorization":"hunter2"}', 'header "au thorization" cannot be sent'],
    ['{"Content-Type":"hunter2"}', 'Content-Type is set by the connection itself'],
  ])('refuses headers %s without showing their values', (COMFY_HEADERS, why) => {
    const message = refusal({ COMFY_HEADERS });
    expect(message).toContain(why);
    expect(message).not.toContain('hunter');
  });

  it('takes an empty value for none, and ignores blanks around one', () => {
    expect(loadConfig({ PORT: '', COMFY_HTTP_URL: '  ' })).toMatchObject({ simulation: true });
    expect(loadConfig({ PORT: ' 3001 ' }).PORT).toBe(3001);
  });

  it.each(['http://localhost:8188', 'http://localhost:8188/prompt'])(
    'takes the variable names of the origin (%s)',
    (COMFY_HTTP_URL) => {
      const env = { PORT: '3000', COMFY_HTTP_URL, COMFY_WS_URL: 'ws://localhost:8188/ws' };
      expect(loadConfig(env)).toMatchObject({ ...env, PORT: 3000, simulation: false });
    },
  );

  it('refuses a WebSocket address alone', () => {
    expect(refusal({ COMFY_WS_URL: 'ws://localhost:8188/ws' })).toContain('COMFY_HTTP_URL is not');
  });

  it('refuses to let everybody in from everywhere, unless told that it is meant', () => {
    expect(refusal({ HOST: '0.0.0.0' })).toContain('AUTH=keys');
    expect(refusal({ HOST: '127.example.org' })).toContain('AUTH=keys');
    for (const HOST of ['localhost', '::1', '127.0.0.2']) loadConfig({ HOST });
    loadConfig({ HOST: '0.0.0.0', AUTH: 'keys' });
    loadConfig({ HOST: '0.0.0.0', ALLOW_OPEN_BIND: 'true' });
  });

  it('reads where traces go, and never shows the headers', () => {
    const config = loadConfig({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318',
      OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Bearer%20a%3Db, x-team = pictures',
      OTEL_TRACES_SAMPLER_ARG: '0.25',
    });
    expect(config.OTEL_EXPORTER_OTLP_HEADERS).toEqual({
      authorization: 'Bearer a=b',
      'x-team': 'pictures',
    });
    expect(config.OTEL_TRACES_SAMPLER_ARG).toBe(0.25);
    expect(loadConfig({}).OTEL_EXPORTER_OTLP_ENDPOINT).toBeUndefined();
    for (const bad of ['a secret', '=secret', 'a=%zzsecret', 'a=b,secret'])
      expect(refusal({ OTEL_EXPORTER_OTLP_HEADERS: bad })).not.toContain('secret');
    for (const bad of ['2', '-1', 'all', '1.5', '.'])
      expect(refusal({ OTEL_TRACES_SAMPLER_ARG: bad })).toContain('0 to 1');
  });

  it('refuses to show metrics to everybody', () => {
    expect(refusal({ METRICS_HOST: '0.0.0.0' })).toContain('METRICS_KEY');
    loadConfig({ METRICS_HOST: '0.0.0.0', METRICS_KEY: 'a-key-of-sixteen-characters' });
    loadConfig({ METRICS_HOST: '0.0.0.0', ALLOW_OPEN_BIND: 'true' });
    loadConfig({ METRICS_HOST: '::1' });
  });
});
