import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Quick suites first; journeys start whole stacks, so they run a file at a time. */
export default defineConfig({
  test: {
    root: join(import.meta.dirname, '..'),
    restoreMocks: true,
    unstubEnvs: true,
    coverage: { provider: 'v8', include: ['functions/**/*.ts'] },
    env: { AWS_REGION: 'us-east-1', CDK_VALIDATION: 'false' },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/infra/**', 'test/journeys/**', 'test/local/**'],
          testTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'infra',
          include: ['test/infra/**/*.test.ts'],
          // CDK takes a second to load and the bundles another: once a worker, not once a file.
          isolate: false,
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
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
