import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../builders/temporary-folder.ts';

const root = join(import.meta.dirname, '../..');
const cdkJson = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8'));

/** Makes every connection and every look-up of a name an error. */
const NO_NETWORK = `
  import { createRequire } from 'node:module';
  const require = createRequire('file:///');
  const refuse = (what) => () => { throw new Error('no network here: ' + what); };
  require('node:net').Socket.prototype.connect = refuse('connect');
  require('node:dns').lookup = refuse('lookup');
  require('node:dgram').createSocket = refuse('dgram');
`;

test('the CDK CLI is told to ask nobody for notices and to tell nobody what it does', () => {
  expect({
    notices: cdkJson.notices,
    telemetry: cdkJson.context['cli-telemetry'],
    versionReporting: cdkJson.versionReporting,
  }).toEqual({ notices: false, telemetry: false, versionReporting: false });
});

test('the app synthesizes without network, home, credentials or account', async () => {
  await using made = await temporaryFolder();
  await promisify(execFile)(
    process.execPath,
    [`--import=data:text/javascript,${encodeURIComponent(NO_NETWORK)}`, 'infra/app.ts'],
    {
      cwd: root,
      env: {
        HOME: made.folder,
        CDK_OUTDIR: made.folder,
        CDK_CONTEXT_JSON: JSON.stringify(cdkJson.context),
      },
    },
  );
  const manifest = JSON.parse(readFileSync(join(made.folder, 'manifest.json'), 'utf8'));
  const artifacts: { type: string; environment?: string }[] = Object.values(manifest.artifacts);
  expect({
    environments: artifacts.flatMap(({ type, environment }) =>
      type === 'aws:cloudformation:stack' ? [environment] : [],
    ),
    askedOfTheAccount: manifest.missing,
  }).toEqual({
    environments: Array.from({ length: 3 }, () => 'aws://unknown-account/us-east-1'),
    askedOfTheAccount: undefined,
  });
});
