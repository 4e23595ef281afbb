import type { Promotion } from '../../functions/contracts/promotion.ts';
import { look } from '../../functions/promote/looking.ts';
import { instantOf } from '../../functions/runtime/clock.ts';
import { aChallenger, aRoute, START_MS, servedVersion } from '../builders/route.ts';
import { ask, InMemoryLookers } from './in-memory-lookers.ts';
import { aPlannedModel, aPromotion, InMemoryPromotions, PLACE } from './in-memory-promotions.ts';

const DAY_MS = 86_400_000;

/** A promotion that stands in a place, exposed as that place has it, to be looked at. */
export function standingIn(
  place: Promotion['place'],
  over: Partial<Promotion> = {},
  spec = aPlannedModel(),
) {
  const promotion = aPromotion({ place, ...over });
  const isBaking = place.step === PLACE.bake.step;
  const route = isBaking
    ? aRoute({ champion: servedVersion('2'), formerChampion: servedVersion('1') })
    : aRoute({ challenger: aChallenger({ promotion: 'm-p1' }) });
  const held = new InMemoryPromotions({ promotion, route, spec });
  const looking = new InMemoryLookers(held);
  const lookNow = () => look(held.promotion, held.route ?? route, looking.lookers);
  return { held, looking, lookNow };
}

/** Requests of many units in both arms, from the start of the place. */
export function fill(
  { looking }: ReturnType<typeof standingIn>,
  {
    units = 300,
    champion = 5,
    challenger = 5,
    days = 1,
  }: { units?: number; champion?: number; challenger?: number; days?: number },
): void {
  for (let unit = 0; unit < units; unit++) {
    const arm = unit % 2 === 0 ? 'champion' : 'challenger';
    const mean = arm === 'champion' ? champion : challenger;
    const at = instantOf(START_MS + (unit * days * DAY_MS) / units);
    const absoluteError = mean + ((unit % 7) - 3) * 0.2;
    ask(looking.units, `unit-${unit}`, arm, at, { components: { labels: 1, absoluteError } });
  }
}
