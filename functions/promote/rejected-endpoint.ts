import type { Promotion } from '../contracts/promotion.ts';
import { log } from '../runtime/log.ts';
import type { EndpointStore } from './endpoint-store.ts';
import type { PromotionContext } from './promotion-context.ts';

/**
 * Takes down the endpoint of a version that was rejected: it can never serve or be promoted again, and an
 * endpoint costs money by the hour. Safe to repeat. Versions that ended otherwise may return, and keep theirs
 * until they are retired.
 * @param endpoints absent for models that Lambda serves itself.
 */
export async function removeRejected(
  { model, version: number, state }: Promotion,
  { versions }: Pick<PromotionContext, 'versions'>,
  endpoints: Pick<EndpointStore, 'isBeingMade' | 'remove'> | undefined,
): Promise<void> {
  if (state !== 'rejected' || !endpoints) return;
  const version = await versions.find(model, number);
  // No route names a version of this stage, nor can one from now on.
  if (version?.stage !== 'rejected') return;
  if (await endpoints.isBeingMade(version)) {
    // SageMaker deletes none of these; it goes when the version is retired.
    log({ kind: 'endpoint-left', model, version: number });
    return;
  }
  await endpoints.remove(version);
}
