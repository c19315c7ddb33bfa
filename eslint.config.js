import tseslint from 'typescript-eslint';

/** Folders that may not be imported from a folder: the arrows of docs/architecture.md. */
const layer = (files, forbidden, message, extra = {}) => ({
  files,
  ignores: ['**/*.test.ts'],
  rules: {
    'no-restricted-imports': [
      'error',
      { patterns: [{ regex: `^(\\.\\./)+(${forbidden.join('|')})(/|\\.ts$)`, message, ...extra }] },
    ],
  },
});

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', '.data/', 'coverage/', 'test/support/*.mjs'] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: { allowDefaultProject: ['eslint.config.js'] } },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_' },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/require-await': 'off',
      // Factories return plain objects of closures; none of them uses this.
      '@typescript-eslint/unbound-method': 'off',
      'no-console': 'error',
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'no-restricted-properties': [
        'error',
        {
          object: 'process',
          property: 'env',
          message: 'Only the entry reads the environment; take values as arguments.',
        },
      ],
    },
  },
  layer(
    ['src/domain/**'],
    [
      'contract',
      'workflows',
      'activities',
      'workers',
      'ecosystems',
      'executors',
      'storage',
      'db',
      'net',
      'client',
      'api',
      'dev',
      'commands',
      'ports',
      'config',
      'compose',
      'telemetry',
      'lifecycle',
    ],
    'domain is pure: it imports nothing but itself and errors.',
  ),
  layer(
    ['src/contract/**'],
    [
      'workflows',
      'activities',
      'workers',
      'executors',
      'storage',
      'api',
      'dev',
      'commands',
      'compose',
    ],
    'contract translates the wire to the domain; it knows no adapter.',
  ),
  {
    files: ['src/workflows/**'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            { regex: '^node:', message: 'Workflows run in a sandbox without Node builtins.' },
            { regex: '^zod', message: 'zod doubles the workflow bundle.' },
            {
              regex:
                '^\\.\\./(contract|workers|ecosystems|executors|storage|db|net|client|api|dev|commands|ports|config|compose|errors)(/|\\.ts$)',
              message: 'Workflows import the domain only.',
            },
          ],
        },
      ],
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: '^\\.\\./activities/',
              allowTypeImports: true,
              message: 'Workflows import activities with `import type` only.',
            },
          ],
        },
      ],
    },
  },
  layer(
    ['src/activities/**'],
    ['contract', 'api', 'executors', 'dev', 'commands', 'compose', 'workflows'],
    'Activities know ports, stores and the domain.',
  ),
  layer(
    [
      'src/executors/**',
      'src/storage/**',
      'src/db/**',
      'src/net/**',
      'src/metrics/**',
      'src/tracing/**',
    ],
    ['contract', 'workflows', 'workers', 'ecosystems', 'api', 'dev', 'commands', 'compose'],
    'Adapters implement ports; they do not know who uses them.',
  ),
  layer(
    ['src/client/**'],
    ['contract', 'workflows', 'workers', 'executors', 'api', 'dev', 'commands', 'compose'],
    'The verbs know stores and Temporal.',
  ),
  layer(
    ['src/api/**'],
    ['workflows', 'activities', 'workers', 'executors', 'dev', 'commands', 'compose'],
    'The API calls verbs and reads stores.',
  ),
  {
    files: ['src/cli.ts', 'bench/**', 'test/**', '*.ts', 'src/**/*.test.ts'],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    files: ['bench/**', 'test/**', 'src/**/*.test.ts', 'src/**/*.test-support.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  { files: ['eslint.config.js'], ...tseslint.configs.disableTypeChecked },
);
