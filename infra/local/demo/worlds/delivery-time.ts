import { type SeededRandom, seededRandom } from '../../../../functions/measures/seeded-random.ts';
import {
  busyMoment,
  clamp,
  moments,
  pickWeighted,
  poisson,
  rounded,
  type SimulatedRequest,
  type WallClock,
  type World,
  type WorldOptions,
  type WorldRows,
  wallClock,
} from './world.ts';

/*
 * Grocery deliveries. Minutes = picking + waiting for a courier + riding + the stairs, plus normal noise
 * whose spread grows with the mean. Every part is a function of what the model sees, missing values
 * included (a house has no floor; where the traffic feed is down, traffic is the hour's usual), so `best`
 * is the mean and the median of the outcome: no predictor has a lower expected squared or absolute error.
 * Seasons: rush hours, weekends, weather that lasts a day. Drift: a strike leaves few couriers and slows
 * the streets, so that the same features mean longer waits.
 */

const RUSH_HOURS = [
  [11.5, 1.2],
  [18, 1.5],
  [15, 3.5],
] as const;

const MINUTES_PER_KM = { bicycle: 3.6, scooter: 2.6, car: 2.2, van: 2.5 } as const;
/** How much of the traffic each vehicle feels. */
const TRAFFIC_FELT = { bicycle: 0.1, scooter: 0.5, car: 1, van: 1 } as const;
const WEATHER_FACTOR = { clear: 1, fog: 1.05, rain: 1.1, storm: 1.25, snow: 1.3 } as const;
const DISTANCE_KM = {
  centre: 1.6,
  north: 2.8,
  east: 3,
  south: 2.6,
  west: 3.2,
  outskirts: 6,
} as const;

type Vehicle = keyof typeof MINUTES_PER_KM;
type Weather = keyof typeof WEATHER_FACTOR;
type Zone = keyof typeof DISTANCE_KM;

const rushAt = ({ hour, weekday }: WallClock): number => {
  const peak = Math.exp(-(((hour - 18) / 1.8) ** 2)) + 0.7 * Math.exp(-(((hour - 8.5) / 1.5) ** 2));
  return weekday < 5 ? peak : 0.35 * peak;
};

const usualTraffic = (clock: WallClock): number => 1 + 0.9 * rushAt(clock);

interface Order {
  readonly clock: WallClock;
  readonly distanceKm: number;
  readonly itemCount: number;
  readonly basketWeightKg: number | null;
  readonly storeQueueOrders: number;
  readonly couriersFree: number;
  readonly trafficIndex: number | null;
  readonly floor: number | null;
  readonly hasElevator: boolean | null;
  readonly hasFrozenItems: boolean;
  readonly vehicle: Vehicle;
  readonly weather: Weather | null;
  readonly zone: Zone;
}

function drawWeather(atMs: number, seed: number): Weather {
  const day = Math.floor(atMs / 86_400_000);
  const weights = { clear: 60, rain: 22, fog: 8, storm: 4, snow: 6 };
  return pickWeighted(weights, seededRandom(seed + day, 'weather of the day'));
}

function drawOrder(atMs: number, weather: Weather, drift: number, random: SeededRandom): Order {
  const clock = wallClock(atMs);
  const zone = pickWeighted(
    { centre: 28, north: 16, east: 15, south: 17, west: 14, outskirts: 10 },
    random,
  );
  const vehicle = pickWeighted(
    zone === 'outskirts'
      ? { bicycle: 5, scooter: 20, car: 50, van: 25 }
      : { bicycle: 45, scooter: 30, car: 15, van: 10 },
    random,
  );
  const itemCount = clamp(Math.round(Math.exp(2.5 + 0.6 * random.normal())), 1, 120);
  const busy = 1 + 2.2 * rushAt(clock);
  const isHouse = random.next() < 0.35;
  return {
    clock,
    zone,
    vehicle,
    itemCount,
    distanceKm: rounded(clamp(DISTANCE_KM[zone] * Math.exp(0.25 * random.normal()), 0.3, 14), 2),
    basketWeightKg:
      random.next() < 0.08 ? null : rounded(itemCount * (0.35 + 0.3 * random.next()), 1),
    storeQueueOrders: poisson(2.2 * busy, random),
    couriersFree: poisson((5 / busy) * (1 - 0.7 * drift), random),
    trafficIndex:
      random.next() < 0.04
        ? null
        : rounded(clamp(usualTraffic(clock) + 0.15 * random.normal(), 0.7, 4), 2),
    floor: isHouse ? null : random.integer(7),
    hasElevator: isHouse ? null : random.next() < 0.45,
    hasFrozenItems: random.next() < 0.3,
    weather: random.next() < 0.03 ? null : weather,
  };
}

/** Expected minutes of an order; the best prediction there is. */
function meanMinutes(order: Order, drift: number): number {
  const picking = 3 + 0.2 * order.itemCount + (order.hasFrozenItems ? 1.8 : 0);
  const waiting = (1.3 * order.storeQueueOrders) / (1 + order.couriersFree);
  const traffic = order.trafficIndex ?? usualTraffic(order.clock);
  const felt = 1 + TRAFFIC_FELT[order.vehicle] * (traffic - 1) * (1 + 0.8 * drift);
  const riding =
    order.distanceKm *
    MINUTES_PER_KM[order.vehicle] *
    felt *
    (order.weather === null ? 1.06 : WEATHER_FACTOR[order.weather]);
  const stairs = (order.floor ?? 0) * (order.hasElevator ? 0.15 : 0.6);
  return picking + waiting * (1 + 0.7 * drift) + riding + stairs;
}

const spreadOf = (mean: number): number => 4 + 0.08 * mean;

const minutesOf = (mean: number, random: SeededRandom): number =>
  rounded(Math.max(mean + spreadOf(mean) * random.normal(), 2), 2);

const instanceOf = ({ clock, ...order }: Order, orderId: string) => ({
  orderId,
  orderedAt: clock.text,
  ...order,
});

function dataset(rows: number, seed: number, options: WorldOptions = {}): WorldRows {
  const random = seededRandom(seed, 'deliveries');
  const moment = moments(rows, options);
  const drift = options.drift ?? 0;
  const best = new Float64Array(rows);
  const labels: number[] = [];
  const instances = Array.from({ length: rows }, (_, row) => {
    const atMs = busyMoment(moment(row), RUSH_HOURS, random);
    const order = drawOrder(atMs, drawWeather(atMs, seed), drift, random);
    const mean = meanMinutes(order, drift);
    best[row] = mean;
    labels.push(minutesOf(mean, random));
    return instanceOf(order, `order-${seed}-${row}`);
  });
  return { instances, labels, best };
}

function* requests(
  seed: number,
  { drift = 0, from = 0 }: WorldOptions = {},
): Generator<SimulatedRequest, never, void> {
  const random = seededRandom(seed, 'delivery requests');
  let atMs = from;
  for (let count = 0; ; count++) {
    atMs += Math.ceil(-Math.log(1 - random.next()) * 4000);
    const order = drawOrder(atMs, drawWeather(atMs, seed), drift, random);
    const minutes = minutesOf(meanMinutes(order, drift), random);
    yield {
      atMs,
      route: 'predict',
      body: {
        unit: `customer-${random.integer(5000)}`,
        instances: [instanceOf(order, `order-live-${seed}-${count}`)],
      },
      outcomes: [{ row: 0, outcome: minutes, delayMs: Math.round(minutes * 60_000) }],
    };
  }
}

/** Grocery deliveries and how long they really took. */
export const deliveryTimeWorld: World = { model: 'delivery-time', dataset, requests };

/** What the true quantile of a delivery is, from its best prediction: the noise is normal. */
export const trueQuantile = (best: number, normalQuantile: number): number =>
  best + normalQuantile * spreadOf(best);
