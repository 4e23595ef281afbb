import { parseArgs } from 'node:util';
import { SmokeClient, type SmokeReply } from './smoke-client.ts';
import { type SmokeStep, smokeJourney } from './smoke-journey.ts';

const HELP = `npm run smoke -- --api URL --key KEY

  --api  the API with its stage: https://….execute-api.….amazonaws.com/main, or what npm start prints
  --key  an API key of it

Walks through everything a caller can do, with nothing but the API, and ends at the first wrong answer.
`;

/** More of a wrong answer than this is no help. */
const CHARACTERS_SHOWN = 1000;

class WrongAnswer extends Error {
  override readonly name = 'WrongAnswer';
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      api: { type: 'string' },
      key: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return void process.stdout.write(HELP);
  if (!values.api || !URL.canParse(values.api) || !values.key)
    throw new Error(`--api and --key are needed\n\n${HELP}`);
  const client = new SmokeClient(values.api, values.key);
  const journey = smokeJourney();
  const startedAt = performance.now();
  let steps = 0;
  for (let next = journey.next(); !next.done; steps++)
    next = journey.next(await take(next.value, client));
  say(`${steps} steps, all as they should be, in ${(performance.now() - startedAt).toFixed(0)} ms`);
}

/** @throws WrongAnswer with what was expected, what came, and what to do. */
async function take(step: SmokeStep, client: SmokeClient): Promise<SmokeReply> {
  const { what, request, status, remedy } = step;
  const startedAt = performance.now();
  const asked = `${request.method} ${request.path}`;
  const reply = await client.send(request).catch((cause: unknown) => {
    throw new WrongAnswer(`✗ ${what}\n  ${asked}: ${textOf(cause)}\n  ${remedy}`, { cause });
  });
  const fault = reply.status === status ? faultOf(step, reply) : `expected HTTP ${status}`;
  const ms = `${(performance.now() - startedAt).toFixed(1)} ms`;
  if (fault !== undefined)
    throw new WrongAnswer(
      [`✗ ${what}`, `${asked}: ${fault}`, `came: ${shown(reply)}`, remedy].join('\n  '),
    );
  say(`✓ ${ms.padStart(10)}  ${what}`);
  return reply;
}

function faultOf({ fault }: SmokeStep, reply: SmokeReply): string | undefined {
  try {
    return fault(reply);
  } catch (error) {
    // Bodies that are no JSON, or no tensors, do not come apart.
    return `the body cannot be read: ${textOf(error)}`;
  }
}

const textOf = (error: unknown): string => {
  // A name with several addresses fails with an empty message and the reasons inside.
  if (error instanceof AggregateError) return error.errors.map(textOf).join('; ');
  return error instanceof Error ? error.message : String(error);
};

const shown = ({ status, body }: SmokeReply): string =>
  `HTTP ${status} ${body.toString('utf8').slice(0, CHARACTERS_SHOWN)}`;

main().catch((error: unknown) => {
  process.stderr.write(`${textOf(error)}\n`);
  process.exitCode = 1;
});
