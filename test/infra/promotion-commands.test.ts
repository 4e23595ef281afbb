import { describe, expect, test } from 'vitest';
import { DecisionBody, ReasonBody, StartBody } from '../../functions/promote/promotion-requests.ts';
import type { OperatorClient } from '../../infra/cli/operator-client.ts';
import { PROMOTION_COMMANDS, PROMOTION_HELP } from '../../infra/cli/promotion-commands.ts';

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly query?: unknown;
}

/** What a command sends, in order. */
async function sentBy(name: string, ...args: readonly string[]): Promise<Sent[]> {
  const sent: Sent[] = [];
  const client = {
    request: async (method: string, path: string, body?: unknown, query?: unknown) => {
      sent.push({
        method,
        path,
        ...(body !== undefined && { body }),
        ...(query !== undefined && { query }),
      });
      return { looks: [] };
    },
  } as unknown as OperatorClient;
  await PROMOTION_COMMANDS[name]?.(client, args);
  return sent;
}

const idea = [
  ...['--change', 'rain', '--why', 'errors in rain'],
  ...['--effect', 'mae falls', '--analysis', 'https://notebooks.test/1'],
];

describe('the command', () => {
  test('promote sends a hypothesis that the API takes', async () => {
    const [sent] = await sentBy('promote', 'delivery-time', '2', ...idea, '--accept-slow');
    expect(sent).toMatchObject({ method: 'POST', path: '/v1/promotions/delivery-time' });
    expect(StartBody.parse(sent?.body)).toEqual({
      version: '2',
      hypothesis: {
        change: 'rain',
        why: 'errors in rain',
        expectedEffect: 'mae falls',
        analysis: 'https://notebooks.test/1',
      },
      acceptSlow: true,
    });
  });

  test('promote without a hypothesis sends nothing, and says what is missing', async () => {
    await expect(sentBy('promote', 'm', '2', '--change', 'rain')).rejects.toThrow(
      'promote MODEL VERSION needs --why, --effect, --analysis',
    );
  });

  test.each([
    ['approve', true],
    ['refuse', false],
  ])('%s decides with its reason', async (name, approve) => {
    const [sent] = await sentBy(name, 'card-fraud-p7', 'agreed');
    expect(sent).toMatchObject({
      method: 'POST',
      path: '/v1/promotions/card-fraud/card-fraud-p7/decide',
    });
    expect(DecisionBody.parse(sent?.body)).toEqual({ approve, reason: 'agreed' });
  });

  test.each([
    ['abort', 'm-p1', '/v1/promotions/m/m-p1/abort'],
    ['override', 'm-p1', '/v1/promotions/m/m-p1/override'],
    ['rollback', 'm', '/v1/routes/m/rollback'],
  ])('%s %s says why', async (name, subject, path) => {
    const [sent] = await sentBy(name, subject, 'it is worse');
    expect(sent).toMatchObject({ method: 'POST', path });
    expect(ReasonBody.parse(sent?.body)).toEqual({ reason: 'it is worse' });
  });

  test('promotion shows it with its looks', async () => {
    expect((await sentBy('promotion', 'm-p1')).map(({ path }) => path)).toEqual([
      '/v1/promotions/m/m-p1',
      '/v1/promotions/m/m-p1/looks',
    ]);
  });

  test('ideas asks for a quarter, or for this one', async () => {
    expect(await sentBy('ideas', 'm', '2026-Q4')).toEqual([
      { method: 'GET', path: '/v1/promotions/m/ideas', query: { quarter: '2026-Q4' } },
    ]);
    expect(await sentBy('ideas', 'm')).toEqual([
      { method: 'GET', path: '/v1/promotions/m/ideas', query: {} },
    ]);
  });

  test('is in the help', () => {
    for (const name of Object.keys(PROMOTION_COMMANDS))
      expect(PROMOTION_HELP).toMatch(new RegExp(`(^|\\| |  )${name} `, 'm'));
  });
});
