import type { Promotion, StepResult } from '../contracts/promotion.ts';
import type { Route } from '../contracts/route.ts';
import { setChampion } from './champion.ts';
import type { EndpointStore } from './endpoint-store.ts';
import type { PromotionContext } from './promotion-context.ts';

/** Makes the version the champion, over the very route that was looked at. */
export async function crown(
  { id, model, version, hypothesis }: Promotion,
  route: Route,
  context: PromotionContext & { readonly endpoints: EndpointStore | undefined },
): Promise<StepResult> {
  const change = await setChampion(
    {
      model,
      version,
      expectedEpoch: route.epoch,
      reason: `${id}: ${hypothesis.change}`,
      by: id,
      mayReturn: true,
    },
    { ...context, champions: context.routeStore },
  );
  if (change.kind === 'preparing') return { verdict: 'HOLD', reason: 'the endpoint is being made' };
  return { verdict: 'PASS', reason: `version ${version} serves everyone` };
}
