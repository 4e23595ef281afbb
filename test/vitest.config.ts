import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Whatever tests and what they start leave behind goes with the run. */
const temporary = mkdtempSync(join(tmpdir(), 'slipway-tests-'));
process.on('exit', () => rmSync(temporary, { recursive: true, force: true, maxRetries: 5 }));

/**
 * A worker for each core, and no fresh module registry for each file: CDK, the bundles and ONNX Runtime are
 * loaded once a worker, not once a file. So no file may leave state behind in a module.
 */
export default defineConfig({
  test: {
    root: join(import.meta.dirname, '..'),
    maxWorkers: '100%',
    isolate: false,
    restoreMocks: true,
    // A second, as it is unless said, is short for two busy cores: a poll is to fail for what never comes.
    expect: { poll: { timeout: 20_000 } },
    unstubEnvs: true,
    setupFiles: [join(import.meta.dirname, 'property-seed.ts')],
    coverage: { provider: 'v8', include: ['functions/**/*.ts'] },
    env: { AWS_REGION: 'us-east-1', CDK_VALIDATION: 'false', TMPDIR: temporary },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/infra/**', 'test/journeys/**', 'test/local/**'],
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'infra',
          include: ['test/infra/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'local',
          include: ['test/local/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'journeys',
          include: ['test/journeys/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
