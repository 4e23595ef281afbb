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
 * Card transactions. Most are a household's; a few in a hundred look odd, and whether an odd one is fraud
 * is drawn from `fraudProbability`, a function of what the model sees. So `best` is the true probability:
 * no score has a higher expected average precision, and alerting where it exceeds cost over cost is the
 * cheapest policy. Fraud is about 0.7 % and comes in four patterns: a stolen number tried in a burst, a
 * copied magnetic stripe used abroad, an account taken over at night, a merchant in on it; each has honest
 * look-alikes (a traveller, a gamer, a jeweller's customer). Drift: criminals learn to pass 3-D Secure and
 * to keep amounts small. Fraud is reported by holders after days; nobody reports that all was well.
 */

const BUSY_HOURS = [
  [12.5, 2],
  [17.5, 2],
  [20, 2],
] as const;
const ODD_SHARE = 0.022;
const CATEGORY_AMOUNT = {
  grocery: 35,
  fuel: 55,
  restaurant: 30,
  electronics: 150,
  travel: 260,
  gaming: 25,
  jewellery: 280,
  cash: 120,
  other: 40,
} as const;

type MerchantCategory = keyof typeof CATEGORY_AMOUNT;
type EntryMode = 'chip' | 'contactless' | 'magstripe' | 'keyed' | 'online';

interface Transaction {
  readonly atMs: number;
  readonly amountEur: number;
  readonly amountOverMean30d: number | null;
  readonly secondsSincePrevious: number | null;
  readonly transactions1h: number;
  readonly transactions24h: number;
  readonly distanceFromHomeKm: number | null;
  readonly merchantRisk: number | null;
  readonly deviceAgeDays: number | null;
  readonly isCardPresent: boolean;
  readonly hasThreeDSecure: boolean | null;
  readonly entryMode: EntryMode;
  readonly merchantCategory: MerchantCategory;
  readonly country: string;
}

const exponential = (mean: number, random: SeededRandom): number =>
  -mean * Math.log(1 - random.next());

function amountIn(category: MerchantCategory, factor: number, random: SeededRandom) {
  const amountEur = rounded(
    clamp(CATEGORY_AMOUNT[category] * factor * Math.exp(0.6 * random.normal()), 0.5, 20_000),
    2,
  );
  const mean = 55 * Math.exp(0.35 * random.normal());
  return {
    amountEur,
    amountOverMean30d: random.next() < 0.03 ? null : rounded(amountEur / mean, 3),
  };
}

function drawHousehold(atMs: number, random: SeededRandom): Transaction {
  const isOnline = random.next() < 0.35;
  const merchantCategory = pickWeighted<MerchantCategory>(
    isOnline
      ? { grocery: 10, electronics: 20, travel: 12, gaming: 18, other: 40 }
      : { grocery: 45, fuel: 15, restaurant: 20, electronics: 4, jewellery: 1, cash: 7, other: 8 },
    random,
  );
  const transactions1h = poisson(0.15, random);
  return {
    atMs,
    ...amountIn(merchantCategory, 1, random),
    secondsSincePrevious: random.next() < 0.02 ? null : Math.ceil(exponential(50_000, random)),
    transactions1h,
    transactions24h: transactions1h + poisson(1.4, random),
    distanceFromHomeKm: isOnline ? null : rounded(exponential(9, random), 1),
    merchantRisk: random.next() < 0.06 ? null : rounded(exponential(0.003, random), 4),
    deviceAgeDays: isOnline ? Math.floor(exponential(300, random)) : null,
    isCardPresent: !isOnline,
    hasThreeDSecure: isOnline ? random.next() < 0.7 : null,
    entryMode: isOnline ? 'online' : pickWeighted({ chip: 35, contactless: 62, keyed: 3 }, random),
    merchantCategory,
    country: pickWeighted({ DE: 78, AT: 6, FR: 4, NL: 4, GB: 3, CH: 3, other: 2 }, random),
  };
}

/** Each odd kind draws from all of its range, honest and fraudulent alike; the label comes later. */
const ODD_KINDS: readonly ((plain: Transaction, random: SeededRandom) => Transaction)[] = [
  function burst(plain, random) {
    const transactions1h = 1 + random.integer(12);
    return {
      ...plain,
      ...amountIn('electronics', 0.3 + 2 * random.next(), random),
      merchantCategory: pick(['electronics', 'gaming', 'other'] as const, random, 'other'),
      transactions1h,
      transactions24h: transactions1h + poisson(3, random),
      secondsSincePrevious: Math.ceil(exponential(200, random)),
      isCardPresent: false,
      entryMode: 'online',
      distanceFromHomeKm: null,
      deviceAgeDays: random.next() < 0.5 ? 0 : Math.floor(exponential(200, random)),
      hasThreeDSecure: random.next() < 0.4,
    };
  },
  function abroad(plain, random) {
    return {
      ...plain,
      ...amountIn('cash', 1 + 2 * random.next(), random),
      merchantCategory: pick(['cash', 'electronics', 'travel'] as const, random, 'cash'),
      isCardPresent: true,
      entryMode: random.next() < 0.5 ? 'magstripe' : 'chip',
      distanceFromHomeKm: rounded(1500 + 8000 * random.next(), 0),
      deviceAgeDays: null,
      hasThreeDSecure: null,
      country: pick(['US', 'BR', 'NG', 'other'], random, 'US'),
    };
  },
  function takeover(plain, random) {
    const hour = random.next() < 0.5 ? 1 + 4 * random.next() : 8 + 14 * random.next();
    return {
      ...plain,
      atMs: plain.atMs - (plain.atMs % 86_400_000) + Math.floor((hour - 1) * 3600) * 1000,
      ...amountIn('jewellery', 1 + 4 * random.next(), random),
      merchantCategory: pick(['jewellery', 'electronics', 'travel'] as const, random, 'jewellery'),
      isCardPresent: false,
      entryMode: 'online',
      distanceFromHomeKm: null,
      deviceAgeDays: random.next() < 0.6 ? random.integer(2) : Math.floor(exponential(300, random)),
      hasThreeDSecure: random.next() < 0.5,
    };
  },
  function collusion(plain, random) {
    return {
      ...plain,
      ...amountIn('gaming', 2 + 4 * random.next(), random),
      merchantCategory: random.next() < 0.6 ? 'gaming' : 'other',
      merchantRisk: rounded(0.01 + 0.1 * random.next(), 4),
      isCardPresent: false,
      entryMode: random.next() < 0.5 ? 'keyed' : 'online',
      distanceFromHomeKm: null,
      deviceAgeDays: null,
      hasThreeDSecure: random.next() < 0.3,
    };
  },
];

/** Product of soft conditions: near 1 when all margins (in units of their softness) are positive. */
const all = (...margins: readonly number[]): number =>
  margins.reduce((product, margin) => product * logistic(8 * margin), 1);
const yes = (condition: boolean): number => (condition ? 1 : -1);

/** The true probability of fraud. */
function fraudProbability(seen: Transaction, drift: number): number {
  const hour = wallClock(seen.atMs).hour;
  const isUnconfirmed = seen.hasThreeDSecure === true ? 2 * drift - 1 : 1;
  const burst = all(
    (seen.transactions1h - 4.5) / 1,
    (3.5 - (seen.deviceAgeDays ?? 99)) / 3,
    isUnconfirmed,
  );
  const abroad = all(
    yes(seen.entryMode === 'magstripe'),
    ((seen.distanceFromHomeKm ?? 0) - 1000) / 400,
    yes(seen.country !== 'other'),
  );
  const takeover = all(
    ((seen.amountOverMean30d ?? 1) - (6 - 3 * drift)) / 2,
    (3.5 - (seen.deviceAgeDays ?? 99)) / 3,
    (6 - hour) / 1,
    isUnconfirmed,
  );
  const collusion = all(
    ((seen.merchantRisk ?? 0) - 0.04) / 0.01,
    yes(seen.merchantCategory === 'gaming'),
    isUnconfirmed,
  );
  return 0.0004 + 0.93 * (1 - (1 - burst) * (1 - abroad) * (1 - takeover) * (1 - collusion));
}

interface Drawn {
  readonly seen: Transaction;
  readonly probability: number;
  readonly isFraud: boolean;
}

/** @param isLive the moment stands: an odd kind may not move it to its own hour of the day. */
function draw(atMs: number, drift: number, random: SeededRandom, isLive: boolean): Drawn {
  const plain = drawHousehold(atMs, random);
  const odd = random.next() < ODD_SHARE ? pick(ODD_KINDS, random, (same) => same) : undefined;
  const changed = odd ? odd(plain, random) : plain;
  const seen = isLive ? { ...changed, atMs } : changed;
  const probability = fraudProbability(seen, drift);
  return { seen, probability, isFraud: random.next() < probability };
}

const instanceOf = ({ atMs, ...seen }: Transaction, cardId: string, merchantId: string) => ({
  cardId,
  merchantId,
  authorisedAt: wallClock(atMs).text,
  ...seen,
});

const merchantOf = (random: SeededRandom): string => `merchant-${random.integer(800)}`;

function dataset(rows: number, seed: number, options: WorldOptions = {}): WorldRows {
  const random = seededRandom(seed, 'transactions');
  const moment = moments(rows, options);
  const cards = Math.ceil(rows / 5);
  const best = new Float64Array(rows);
  const labels: string[] = [];
  const instances = Array.from({ length: rows }, (_, row) => {
    const atMs = busyMoment(moment(row), BUSY_HOURS, random);
    const { seen, probability, isFraud } = draw(atMs, options.drift ?? 0, random, false);
    best[row] = probability;
    labels.push(isFraud ? 'fraud' : 'legitimate');
    return instanceOf(seen, `card-${random.integer(cards)}`, merchantOf(random));
  });
  return { instances, labels, best };
}

function* requests(
  seed: number,
  { drift = 0, from = 0 }: WorldOptions = {},
): Generator<SimulatedRequest, never, void> {
  const random = seededRandom(seed, 'transaction requests');
  let atMs = from;
  for (;;) {
    atMs += Math.ceil(exponential(1500, random));
    const { seen, isFraud } = draw(atMs, drift, random, true);
    const card = `card-${random.integer(4000)}`;
    // A chargeback takes days: 4 in the middle, a few more than two weeks.
    const delayMs = Math.round(4 * Math.exp(0.8 * random.normal()) * 86_400_000);
    yield {
      atMs,
      route: 'predict',
      body: { unit: card, instances: [instanceOf(seen, card, merchantOf(random))] },
      outcomes: isFraud ? [{ row: 0, outcome: 'fraud', delayMs }] : [],
    };
  }
}

/** Card transactions and which of them were fraud. */
export const cardFraudWorld: World = { model: 'card-fraud', dataset, requests };
