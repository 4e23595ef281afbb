import { type RunningStack, until } from './running-stack.ts';

/** The rows of a dataset version, as an operator downloads them. */
export async function exportedRows(
  stack: RunningStack,
  model: string,
  digest: string,
): Promise<Readonly<Record<string, unknown>>[]> {
  let url = '';
  await until(async () => {
    const answer = await stack.client.request<{ url?: string }>(
      'GET',
      `/v1/datasets/${model}/${digest}/rows`,
      undefined,
      { format: 'json-lines' },
    );
    url = answer.url ?? '';
    return url !== '';
  });
  const text = await (await fetch(url)).text();
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
