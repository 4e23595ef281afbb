import { cardFraudWorld } from './card-fraud.ts';
import { deliveryTimeWorld } from './delivery-time.ts';
import { searchRankingWorld } from './search-ranking.ts';
import type { World } from './world.ts';

/** The generated worlds by the model they feed: the three that ship with Slipway. */
export const WORLDS: ReadonlyMap<string, World> = new Map(
  [deliveryTimeWorld, searchRankingWorld, cardFraudWorld].map((world) => [world.model, world]),
);
