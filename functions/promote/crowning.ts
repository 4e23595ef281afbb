import type { Promotion, StepResult } from '../contracts/promotion.ts';
import type { Route } from '../contracts/route.ts';
import { setChampion } from './champion.ts';
import type { EndpointStore } from './endpoint-store.ts';
import { EndpointPreparing } from './exposure.ts';
import type { PromotionContext } from './promotion-context.ts';

/**
 * Makes the version the champion, over the very route that was looked at.
 * @throws EndpointPreparing while its endpoint is being made.
 */
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
      onlyIf: context.promotions.whileRunning({ model, id }),
    },
    { ...context, champions: context.routeStore },
  );
  if (change.kind === 'preparing')
    throw new EndpointPreparing(`the endpoint of version ${version} of ${model} is being made`);
  return { verdict: 'PASS', reason: `version ${version} serves everyone` };
}
