import { endPromotion } from './ending.ts';
import { alarmsOn, type LookSources } from './evidence.ts';
import { isShown } from './exposure.ts';
import { type PromotionContext, stepOf } from './promotion-context.ts';

/**
 * Takes back the promotion of the model an alarm is about, unless both arms miss the objective or nobody is
 * exposed to the challenger any more. While it bakes it is the champion whose alarms ring. An alarm that flaps
 * finds it ended, and changes nothing.
 */
export async function rollBackOnAlarm(
  alarmName: string,
  context: PromotionContext & Pick<LookSources, 'alarms'>,
): Promise<void> {
  const spec = context.specs
    .toSorted((one, other) => other.name.length - one.name.length)
    .find(({ name }) => alarmName.includes(`-${name}-objective-`));
  const promotion = spec && (await context.promotions.running(spec.name));
  if (!spec || !promotion) return;
  const { kind } = stepOf(spec, promotion);
  if (!isShown(kind) && kind !== 'bake') return;
  const { champion, challenger } = await alarmsOn(promotion, kind, context);
  const missed = challenger.filter((metric) => !champion.includes(metric));
  if (missed.length === 0) return;
  const reason = `the challenger misses ${missed.join(', ')}`;
  await endPromotion(promotion, { ending: 'rolled-back', reason, by: alarmName }, context);
}
