import { featuresOf } from '../../functions/contracts/feature.ts';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import { parseModelSpec } from '../../functions/contracts/model-spec.ts';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';

/** A public file, the spec written for it, and what its columns are called there. */
export interface DataFile {
  readonly file: string;
  readonly spec: ModelSpec;
  readonly columns: Readonly<Record<string, string | null>>;
  /** Where the file's format is none that is imported: newline JSON of it. */
  readonly convert?: (text: string, readBeside: (suffix: string) => string) => string;
}

const { number, category } = featuresOf();
const item = featuresOf('item');
const query = featuresOf('query');

const described = (base: ModelSpec, changed: Partial<ModelSpec>): ModelSpec =>
  parseModelSpec({ ...base, edgeCases: [], entityKeys: [], ...changed }, String(changed.name));

const numbersOf = (names: readonly string[]) => [
  { name: 'x', datatype: 'FP32' as const, columns: [...names] },
];

const delivery: DataFile = {
  file: 'food-delivery-india.csv',
  columns: {
    Road_traffic_density: 'traffic',
    Festival: 'festival',
    multiple_deliveries: 'otherDeliveries',
    Delivery_person_Ratings: 'courierRating',
    Delivery_person_Age: 'courierAge',
    City: 'city',
    Weatherconditions: 'weather',
    Vehicle_condition: 'vehicleCondition',
    Type_of_vehicle: 'vehicle',
    'Time_taken(min)': 'minutes',
  },
  spec: described(deliveryTime, {
    name: 'food-delivery',
    task: {
      kind: 'regression',
      label: 'minutes',
      unit: 'minutes',
      tolerance: 5,
      prediction: 'predicted',
      quantiles: [],
    },
    features: [
      category('traffic', ['Low', 'Medium', 'High', 'Jam'], 'Traffic.', { unknown: 'refuse' }),
      category('festival', ['No', 'Yes'], 'Whether there is one.', { unknown: 'refuse' }),
      number('otherDeliveries', 'count', [0, 3], 'Deliveries on the same tour.'),
      number('courierRating', 'stars', [1, 6], 'Mean rating of the courier.'),
      number('courierAge', 'years', [15, 60], 'Age of the courier.'),
      category('city', ['Urban', 'Metropolitian', 'Semi-Urban'], 'Kind of city.'),
      category('weather', ['Sunny', 'Fog'], 'Weather.'),
      number('vehicleCondition', 'grade', [0, 3], 'Condition of the vehicle.'),
      category('vehicle', ['motorcycle', 'scooter'], 'Vehicle.'),
    ],
    signature: {
      inputs: numbersOf(['otherDeliveries', 'courierRating', 'courierAge', 'vehicleCondition']),
      outputs: [{ name: 'o', datatype: 'FP32', columns: ['predicted'] }],
    },
    example: {
      instances: [
        {
          traffic: 'High',
          festival: 'No',
          otherDeliveries: 0,
          courierRating: 4.9,
          courierAge: 37,
          city: 'Urban',
          weather: 'Sunny',
          vehicleCondition: 2,
          vehicle: 'motorcycle',
        },
      ],
    },
    monitoring: {
      ...deliveryTime.monitoring,
      objectives: deliveryTime.monitoring.objectives
        .slice(0, 1)
        .map((each) => ({ ...each, metric: 'mae' })),
    },
    promotion: { unit: 'courier', steps: [{ kind: 'smoke-test' }, { kind: 'production' }] },
  }),
};

const components = Array.from({ length: 28 }, (_, at) => `v${at + 1}`);
const fraud: DataFile = {
  file: 'ulb-creditcard-sample.csv',
  columns: {
    '': null,
    Time: 'secondsSinceFirst',
    Amount: 'amount',
    Class: 'isFraud',
    ...Object.fromEntries(components.map((name) => [name.toUpperCase(), name])),
  },
  spec: described(cardFraud, {
    name: 'credit-card',
    task: {
      kind: 'classification',
      label: 'isFraud',
      classes: ['0', '1'],
      score: 'risk',
      threshold: 0.5,
      cost: { currency: 'EUR', falsePositive: 8, falseNegative: { feature: 'amount' } },
    },
    features: [
      number('secondsSinceFirst', 'seconds', [0, 200_000], 'Since the first transaction.'),
      ...components.map((name) => number(name, 'score', [-200, 200], 'A principal component.')),
      number('amount', 'EUR', [0, 1_000_000], 'Amount.'),
    ],
    signature: {
      inputs: numbersOf(['amount', ...components]),
      outputs: [{ name: 'o', datatype: 'FP32', columns: ['risk'] }],
    },
    example: {
      instances: [
        {
          secondsSinceFirst: 1,
          amount: 1,
          ...Object.fromEntries(components.map((name) => [name, 0])),
        },
      ],
    },
    promotion: { unit: 'card', steps: [{ kind: 'smoke-test' }, { kind: 'production' }] },
  }),
};

const FEATURES = Array.from({ length: 300 }, (_, at) => `f${at + 1}`);

/** SVMlight lines, `relevance index:value …`, with the sizes of the queries in a file beside. */
function rankingRows(text: string, readBeside: (suffix: string) => string): string {
  const sizes = readBeside('.query').trim().split('\n').map(Number);
  const queries = sizes.flatMap((size, at) => new Array<string>(size).fill(`q${at + 1}`));
  return text
    .trim()
    .split('\n')
    .map((line, at) => {
      const [relevance, ...cells] = line.trim().split(/\s+/);
      const features = cells.map((cell) => {
        const [index, value] = cell.split(':');
        return [`f${index}`, Number(value)];
      });
      return JSON.stringify({
        queryId: queries[at],
        relevance: Number(relevance),
        ...Object.fromEntries(features),
      });
    })
    .join('\n');
}

const ranking = (file: string, name: string): DataFile => ({
  file,
  columns: {},
  convert: rankingRows,
  spec: described(searchRanking, {
    name,
    task: {
      kind: 'ranking',
      label: 'relevance',
      queryKey: 'queryId',
      cutoff: 10,
      gain: 'exponential',
      relevance: { click: 1, purchase: 4 },
      score: 'interest',
    },
    features: [
      query.identifier('queryId', 'The query.'),
      ...FEATURES.map((feature) =>
        item.number(feature, 'score', [0, 1], 'A feature of the item.', { required: false }),
      ),
    ],
    signature: {
      inputs: numbersOf(FEATURES),
      outputs: [{ name: 'o', datatype: 'FP32', columns: ['interest'] }],
    },
    example: { query: { queryId: 'q1' }, items: [{ id: 'a' }] },
    promotion: { unit: 'session', steps: [{ kind: 'smoke-test' }, { kind: 'production' }] },
  }),
});

export const DATA_FILES: readonly DataFile[] = [
  delivery,
  fraud,
  ranking('rank.train', 'rank-train'),
  ranking('rank.test', 'rank-test'),
];
