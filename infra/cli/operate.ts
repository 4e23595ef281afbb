import { readFileSync } from 'node:fs';
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { PointerName } from '../../functions/contracts/dataset.ts';
import { DatasetClient } from './dataset-client.ts';
import { OperatorClient, OperatorRefused } from './operator-client.ts';
import { PROMOTION_COMMANDS, PROMOTION_HELP } from './promotion-commands.ts';

const HELP = `npm run operate -- COMMAND

  register MODEL FILE "what changed"   upload an ONNX file and make it a version
  champion MODEL VERSION "why"         make a version serve everyone
  retire MODEL VERSION                 take a version out of service, its endpoint with it
  show MODEL                           the route and the versions
  import MODEL FILE ["what it is"]     upload rows (CSV, Parquet, newline JSON) and make them a dataset
  point MODEL POINTER DIGEST "why"     make a dataset everyone's training or validation set
  pointers MODEL                       where both pointers stand
${PROMOTION_HELP}
The API's URL comes from SLIPWAY_API, the region from AWS_REGION, credentials from where the AWS CLI
finds them: environment, profile, single sign-on. npm start prints all of it for the local stack.
`;

/** Seconds between looks at an endpoint that is being made. */
const POLL_SECONDS = 10;

type Command = (client: OperatorClient, args: readonly string[]) => Promise<unknown>;

const COMMANDS: Readonly<Record<string, Command>> = {
  ...PROMOTION_COMMANDS,
  register: async (client, [model = '', file = '', description = '']) =>
    client.register(model, readFileSync(file), description),
  champion: async (client, [model = '', version = '', reason = '']) => {
    const epoch = (await client.route(model))?.epoch ?? 0;
    for (;;) {
      const route = await client.setChampion(model, version, epoch, reason);
      if (route) return route;
      process.stderr.write(`the endpoint of version ${version} is being made …\n`);
      await new Promise((resolve) => setTimeout(resolve, POLL_SECONDS * 1000));
    }
  },
  retire: async (client, [model = '', version = '']) =>
    client.request('POST', `/v1/versions/${model}/${version}/retire`),
  import: async (client, [model = '', file = '', description = '']) => {
    const datasets = new DatasetClient(client);
    return datasets.import(model, await datasets.upload(model, file), { description });
  },
  point: async (client, [model = '', name = '', digest = '', reason = '']) => {
    const datasets = new DatasetClient(client);
    const pointer = PointerName.parse(name);
    const expectedEpoch = (await datasets.pointer(model, pointer))?.epoch ?? 0;
    return datasets.move(model, pointer, { digest, expectedEpoch, reason });
  },
  pointers: async (client, [model = '']) => {
    const datasets = new DatasetClient(client);
    const [training, validation] = await Promise.all([
      datasets.pointer(model, 'training'),
      datasets.pointer(model, 'validation'),
    ]);
    return { training: training ?? null, validation: validation ?? null };
  },
  show: async (client, [model = '']) => ({
    route: (await client.route(model)) ?? null,
    versions: await client.versions(model),
  }),
};

function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set\n\n${HELP}`);
  return value;
}

async function main([name = '', ...args]: readonly string[]): Promise<void> {
  const command = COMMANDS[name];
  if (!command) throw new Error(HELP);
  const client = new OperatorClient({
    url: required('SLIPWAY_API'),
    region: required('AWS_REGION'),
    credentials: defaultProvider(),
  });
  process.stdout.write(`${JSON.stringify(await command(client, args), null, 2)}\n`);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const isExpected = error instanceof OperatorRefused || error instanceof Error;
  process.stderr.write(`${isExpected ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
