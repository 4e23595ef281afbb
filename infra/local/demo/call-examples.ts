import type { ModelSpec } from '../../../functions/contracts/model-spec.ts';
import type { LocalStack } from '../local-stack.ts';

/** What a newcomer copies: the URL, the key, one working call a model, and what an operator needs. */
export function callExamples(stack: LocalStack, specs: readonly ModelSpec[]): string {
  const { url, apiKeys, operator, place } = stack;
  const apiKey = apiKeys[0] ?? '';
  return [
    '',
    `Slipway serves ${specs.length} models on ${url}`,
    `API key: ${apiKey}`,
    '',
    ...specs.flatMap((spec) => [`# ${spec.description}`, curlOf(url, apiKey, spec), '']),
    '# Operators register versions and set champions; see npm run operate.',
    `export SLIPWAY_API=${url} AWS_REGION=${place.region} AWS_ACCESS_KEY_ID=${operator.accessKeyId} AWS_SECRET_ACCESS_KEY=${operator.secretAccessKey}`,
    '',
    `API description: ${url}/openapi.json (same header). Stop with Ctrl-C; everything is kept.`,
  ].join('\n');
}

function curlOf(url: string, apiKey: string, { name, example, task }: ModelSpec): string {
  const verb = task.kind === 'ranking' ? 'rank' : 'predict';
  const body = JSON.stringify({ unit: 'someone', ...example });
  return `curl -s ${url}/v1/models/${name}/${verb} -H 'x-api-key: ${apiKey}' -H 'content-type: application/json' -d ${shellQuoted(body)}`;
}

const shellQuoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;
