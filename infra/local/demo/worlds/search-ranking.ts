import { type SeededRandom, seededRandom } from '../../../../functions/measures/seeded-random.ts';
import {
  busyMoment,
  clamp,
  logistic,
  moments,
  pick,
  pickWeighted,
  poisson,
  rounded,
  type SimulatedRequest,
  type World,
  type WorldOptions,
  type WorldRows,
  wallClock,
} from './world.ts';

/*
 * A web shop's searches. A shopper clicks an item with a probability that depends on how well it matches,
 * its price, rating and stock, and on who asks (a member, on a phone, for a gift); of the clicked, some are
 * bought. `best` is the expected gain P(click only) · (2¹ − 1) + P(purchase) · (2³ − 1): sorting by it is
 * the order with the highest expected DCG, hence as good as an NDCG can be known to get. Missing: new
 * products have no click rate and no embedding, unreviewed ones no rating. Drift: shoppers turn to
 * discounts and away from what was clicked before.
 */

const BUSY_HOURS = [
  [12.5, 2.5],
  [20.5, 1.5],
  [16, 4],
] as const;
const DEPARTMENTS = [
  'garden',
  'kitchen',
  'toys',
  'books',
  'clothing',
  'electronics',
  'sports',
  'beauty',
] as const;
const USUAL_PRICE_EUR = {
  garden: 45,
  kitchen: 35,
  toys: 25,
  books: 15,
  clothing: 40,
  electronics: 180,
  sports: 55,
  beauty: 20,
} as const;

type Intent = 'navigational' | 'category' | 'product' | 'gift';
type Department = (typeof DEPARTMENTS)[number];

interface Query {
  readonly searchedAt: string;
  readonly queryWords: number;
  readonly intent: Intent | null;
  readonly device: string;
  readonly isMember: boolean;
}

interface Item {
  readonly textMatch: number;
  readonly semanticMatch: number | null;
  readonly priceEur: number;
  readonly discountPercent: number;
  readonly rating: number | null;
  readonly reviewCount: number;
  readonly clickRate30d: number | null;
  readonly daysListed: number;
  readonly inStock: boolean;
  readonly department: Department;
}

function drawQuery(atMs: number, random: SeededRandom): Query {
  const intent = pickWeighted({ navigational: 15, category: 40, product: 35, gift: 10 }, random);
  return {
    searchedAt: wallClock(atMs).text,
    queryWords: 1 + poisson(intent === 'product' ? 2.5 : 1.2, random),
    intent: random.next() < 0.05 ? null : intent,
    device: pickWeighted({ phone: 60, desktop: 30, tablet: 10 }, random),
    isMember: random.next() < 0.35,
  };
}

function drawItem(department: Department, random: SeededRandom): Item {
  const isNew = random.next() < 0.12;
  // What makes an item popular shows in its text, its embedding and its clicks.
  const appeal = random.normal();
  const reviewCount = isNew ? 0 : Math.floor(Math.exp(3 + 1.6 * random.normal()));
  const price = USUAL_PRICE_EUR[department] * Math.exp(0.7 * random.normal());
  return {
    textMatch: rounded(clamp(10 + 3 * appeal + 3.5 * random.normal(), 0, 40), 2),
    semanticMatch: isNew
      ? null
      : rounded(clamp(0.5 + 0.16 * appeal + 0.12 * random.normal(), -1, 1), 3),
    priceEur: rounded(price, 2),
    discountPercent: random.next() < 0.7 ? 0 : 5 * (1 + random.integer(10)),
    rating: reviewCount === 0 ? null : rounded(clamp(4.1 + 0.6 * random.normal(), 1, 5), 1),
    reviewCount,
    clickRate30d: isNew
      ? null
      : rounded(clamp(0.04 * Math.exp(0.5 * appeal + 0.5 * random.normal()), 0, 1), 4),
    daysListed: isNew
      ? random.integer(14)
      : clamp(14 + Math.floor(Math.exp(5 + random.normal())), 14, 10_000),
    inStock: random.next() < 0.88,
    department,
  };
}

/** Probability that the shopper is interested enough to click. */
function clickProbability(query: Query, item: Item, drift: number): number {
  const dear = Math.log(item.priceEur / 40);
  const isCareful = query.device === 'phone' ? 0.5 : 0.9;
  const matchWeight = query.intent === 'product' || query.intent === 'navigational' ? 0.3 : 0.2;
  return logistic(
    -5 +
      matchWeight * (item.textMatch - 10) +
      5 * ((item.semanticMatch ?? 0.45) - 0.5) +
      (1 - 0.8 * drift) * 22 * ((item.clickRate30d ?? 0.05) - 0.04) +
      (query.intent === 'gift' ? 0.2 : -0.5) * isCareful * dear +
      (0.02 + 0.06 * drift) * item.discountPercent +
      (query.isMember ? 0.5 : 0) +
      0.8 * ((item.rating ?? 3.8) - 4.1) +
      (item.inStock ? 0.8 : -2.5),
  );
}

const purchaseProbability = (query: Query, item: Item): number =>
  item.inStock ? logistic(-1.6 + (query.isMember ? 0.8 : 0) + 0.02 * item.discountPercent) : 0;

interface Judged {
  readonly item: Item;
  readonly relevance: 0 | 1 | 3;
  readonly expectedGain: number;
}

function judge(query: Query, item: Item, drift: number, random: SeededRandom): Judged {
  const click = clickProbability(query, item, drift);
  const buy = purchaseProbability(query, item);
  const isClicked = random.next() < click;
  const isBought = random.next() < buy;
  const relevance = isClicked ? (isBought ? 3 : 1) : 0;
  return { item, relevance, expectedGain: click * (1 - buy) + 7 * click * buy };
}

function drawResults(query: Query, drift: number, random: SeededRandom): Judged[] {
  const department = pick(DEPARTMENTS, random, 'kitchen');
  return Array.from({ length: 10 + poisson(15, random) }, () => {
    const of = random.next() < 0.8 ? department : pick(DEPARTMENTS, random, 'kitchen');
    return judge(query, drawItem(of, random), drift, random);
  });
}

function dataset(rows: number, seed: number, options: WorldOptions = {}): WorldRows {
  const random = seededRandom(seed, 'searches');
  const moment = moments(rows, options);
  const all: { instance: Query & Item & { queryId: string }; judged: Judged }[] = [];
  for (let query = 0; all.length < rows; query++) {
    const asked = drawQuery(busyMoment(moment(all.length), BUSY_HOURS, random), random);
    const queryId = `search-${seed}-${query}`;
    for (const judged of drawResults(asked, options.drift ?? 0, random))
      all.push({ instance: { queryId, ...asked, ...judged.item }, judged });
  }
  return {
    instances: all.map(({ instance }) => ({ ...instance })),
    labels: all.map(({ judged }) => judged.relevance),
    queries: all.map(({ instance }) => instance.queryId),
    best: Float64Array.from(all, ({ judged }) => judged.expectedGain),
  };
}

function* requests(
  seed: number,
  { drift = 0, from = 0 }: WorldOptions = {},
): Generator<SimulatedRequest, never, void> {
  const random = seededRandom(seed, 'search requests');
  let atMs = from;
  for (let count = 0; ; count++) {
    atMs += Math.ceil(-Math.log(1 - random.next()) * 2500);
    const query = drawQuery(atMs, random);
    const judged = drawResults(query, drift, random);
    yield {
      atMs,
      route: 'rank',
      body: {
        unit: `session-${random.integer(20_000)}`,
        query: { queryId: `search-live-${seed}-${count}`, ...query },
        items: judged.map(({ item }, at) => ({ id: `product-${seed}-${count}-${at}`, ...item })),
      },
      // A click comes within the session, a purchase within minutes; no word means no interest.
      outcomes: judged.flatMap(({ relevance }, row) => {
        if (relevance === 0) return [];
        const seconds = relevance === 3 ? 60 + random.integer(1500) : 2 + random.integer(120);
        return [{ row, outcome: relevance, delayMs: seconds * 1000 }];
      }),
    };
  }
}

/** Searches and what shoppers did with the results. */
export const searchRankingWorld: World = { model: 'search-ranking', dataset, requests };
