import { parseArgs } from 'node:util';
import { modelOfPromotion, type Promotion } from '../../functions/contracts/promotion.ts';
import type { OperatorClient } from './operator-client.ts';

type Client = Pick<OperatorClient, 'request'>;
type Command = (client: Client, args: readonly string[]) => Promise<unknown>;

export const PROMOTION_HELP = `  promote MODEL VERSION --change "what" --why "why" --effect "what of which metric" --analysis URL
          [--accept-slow]              begin to take a version to production by the model's plan
  promotion ID                         where a promotion stands, with every look and its verdict
  approve ID "why" | refuse ID "why"   decide on one that waits for it
  abort ID "why"                       end one; the champion it began against serves everyone
  rollback MODEL "why"                 take back what runs, or return to the champion before
  override ID "why"                    make the version of an inconclusive one the champion
  ideas MODEL [QUARTER]                how the ideas of a quarter (2026-Q4) turned out
`;

const HYPOTHESIS = { change: 'change', why: 'why', effect: 'expectedEffect', analysis: 'analysis' };

/** The same command again is the same promotion. @throws with every option that is missing. */
async function promote(client: Client, args: readonly string[]): Promise<Promotion> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      change: { type: 'string' },
      why: { type: 'string' },
      effect: { type: 'string' },
      analysis: { type: 'string' },
      'accept-slow': { type: 'boolean', default: false },
    },
  });
  const [model = '', version = ''] = positionals;
  const given: Readonly<Record<string, string | boolean | undefined>> = values;
  const missing = Object.keys(HYPOTHESIS).filter((name) => !given[name]);
  if (!model || !version || missing.length > 0)
    throw new Error(
      `promote MODEL VERSION needs ${missing.map((name) => `--${name}`).join(', ') || 'both'}: nothing starts without saying what is to be learned`,
    );
  const hypothesis = Object.fromEntries(
    Object.entries(HYPOTHESIS).map(([option, field]) => [field, given[option]]),
  );
  const acceptSlow = values['accept-slow'];
  return client.request('POST', `/v1/promotions/${model}`, { version, hypothesis, acceptSlow });
}

const pathOf = (id: string): string => `/v1/promotions/${modelOfPromotion(id)}/${id}`;

/** Something that is done to one promotion, or to a model, for a reason. */
const withReason =
  (pathFor: (name: string) => string, body: Readonly<Record<string, unknown>> = {}): Command =>
  (client, [name = '', reason = '']) =>
    client.request('POST', pathFor(name), { ...body, reason });

export const PROMOTION_COMMANDS: Readonly<Record<string, Command>> = {
  promote,
  promotion: async (client, [id = '']) => {
    const promotion = await client.request<Promotion>('GET', pathOf(id));
    const { looks } = await client.request<{ looks: unknown[] }>('GET', `${pathOf(id)}/looks`);
    return { promotion, looks };
  },
  approve: withReason((id) => `${pathOf(id)}/decide`, { approve: true }),
  refuse: withReason((id) => `${pathOf(id)}/decide`, { approve: false }),
  abort: withReason((id) => `${pathOf(id)}/abort`),
  override: withReason((id) => `${pathOf(id)}/override`),
  rollback: withReason((model) => `/v1/routes/${model}/rollback`),
  ideas: (client, [model = '', quarter]) =>
    client.request(
      'GET',
      `/v1/promotions/${model}/ideas`,
      undefined,
      quarter === undefined ? {} : { quarter },
    ),
};
