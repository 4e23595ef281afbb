import type { ModelSpec } from '../../../functions/contracts/model-spec.ts';

/** What a newcomer copies: the URL, the key and one working call a model. */
export function callExamples(url: string, apiKey: string, specs: readonly ModelSpec[]): string {
  const calls = specs.map((spec) => `# ${spec.description}\n${curlOf(url, apiKey, spec)}`);
  return [
    '',
    `Slipway serves ${specs.length} models on ${url}`,
    `API key: ${apiKey}`,
    '',
    calls.join('\n\n'),
    '',
    `API description: ${url}/openapi.json (same header). Stop with Ctrl-C; everything is kept.`,
  ].join('\n');
}

function curlOf(url: string, apiKey: string, { name, example, task }: ModelSpec): string {
  const verb = task.kind === 'ranking' ? 'rank' : 'predict';
  const body = { unit: 'someone', ...example };
  return `curl -s ${url}/v1/models/${name}/${verb} -H 'x-api-key: ${apiKey}' -H 'content-type: application/json' -d '${JSON.stringify(body)}'`;
}
