import { featuresOf } from '../contracts/feature.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';

const { boolean, category, identifier, number, timestamp } = featuresOf();

/** Grocery deliveries: order details become a rough delivery time, shown to the customer. */
export const deliveryTime: ModelSpec = {
  name: 'delivery-time',
  description: 'Minutes from order to doorstep, with the range that 8 of 10 deliveries fall into.',
  owner: 'grocery-delivery',
  task: {
    kind: 'regression',
    label: 'deliveredInMinutes',
    unit: 'minutes',
    tolerance: 5,
    prediction: 'minutes',
    quantiles: [
      { level: 0.1, column: 'minutesLow' },
      { level: 0.9, column: 'minutesHigh' },
    ],
  },
  features: [
    identifier('orderId', 'The order.', { required: false }),
    timestamp('orderedAt', 'When the order was placed.'),
    number('distanceKm', 'km', [0, 40], 'Road distance from store to door.'),
    number('itemCount', 'count', [1, 200], 'Items in the basket.'),
    number('basketWeightKg', 'kg', [0, 150], 'Weight of the basket.', { required: false }),
    number('storeQueueOrders', 'count', [0, 500], 'Orders waiting to be picked in the store.'),
    number('couriersFree', 'count', [0, 500], 'Couriers at the store without an order.'),
    number(
      'trafficIndex',
      'ratio',
      [0.2, 6],
      'Travel time now over travel time at night; absent when the feed is down.',
      { required: false },
    ),
    number('floor', 'count', [-2, 60], 'Floor of the door; unknown for most houses.', {
      required: false,
      log: 'sealed',
    }),
    boolean('hasElevator', 'Whether the building has a lift.', { required: false }),
    boolean('hasFrozenItems', 'Frozen items are packed last.'),
    category('vehicle', ['bicycle', 'scooter', 'car', 'van'], 'What the courier drives.'),
    category('weather', ['clear', 'rain', 'snow', 'storm', 'fog'], 'Weather at the store.', {
      required: false,
    }),
    category(
      'zone',
      ['centre', 'north', 'east', 'south', 'west', 'outskirts'],
      'Delivery zone of the address.',
      { unknown: 'refuse' },
    ),
  ],
  signature: {
    inputs: [
      {
        name: 'numbers',
        datatype: 'FP32',
        columns: [
          { feature: 'orderedAt', part: 'hour-of-day' },
          { feature: 'orderedAt', part: 'day-of-week' },
          'distanceKm',
          'itemCount',
          'basketWeightKg',
          'storeQueueOrders',
          'couriersFree',
          'trafficIndex',
          'floor',
          'hasElevator',
          'hasFrozenItems',
        ],
      },
      { name: 'categories', datatype: 'BYTES', columns: ['vehicle', 'weather', 'zone'] },
    ],
    outputs: [
      { name: 'delivery', datatype: 'FP32', columns: ['minutes', 'minutesLow', 'minutesHigh'] },
    ],
  },
  entityKeys: ['orderId'],
  example: {
    instances: [
      {
        orderedAt: '2026-11-23T18:30:00+01:00',
        distanceKm: 3.2,
        itemCount: 18,
        basketWeightKg: 9.5,
        storeQueueOrders: 6,
        couriersFree: 2,
        trafficIndex: 1.4,
        floor: 3,
        hasElevator: false,
        hasFrozenItems: true,
        vehicle: 'bicycle',
        weather: 'rain',
        zone: 'north',
      },
    ],
  },
  edgeCases: [
    {
      instances: [
        {
          orderedAt: '2026-12-24T23:59:59Z',
          distanceKm: 40,
          itemCount: 200,
          storeQueueOrders: 500,
          couriersFree: 0,
          hasFrozenItems: false,
          vehicle: 'cargo-drone',
          zone: 'outskirts',
        },
      ],
    },
  ],
  runtime: {
    kind: 'lambda',
    architecture: 'x86_64',
    memoryMb: 1769,
    timeoutSeconds: 10,
    reservedConcurrency: 0,
    provisionedConcurrency: 0,
    functionUrl: false,
  },
  monitoring: {
    cadence: 'second',
    objectives: [
      {
        metric: 'mae',
        comparison: 'at-most',
        threshold: 6,
        severity: 'high',
        minimumLabels: 30,
        periods: { missed: 2, of: 3 },
        silenceMinutes: 60,
      },
      {
        metric: 'withinToleranceShare',
        comparison: 'at-least',
        threshold: 0.55,
        severity: 'low',
        minimumLabels: 100,
        periods: { missed: 3, of: 5 },
        silenceMinutes: 120,
      },
      {
        metric: 'latencyP99Ms',
        comparison: 'at-most',
        threshold: 150,
        severity: 'high',
        // Of fewer it is the one request that met a cold environment.
        minimumLabels: 30,
        periods: { missed: 3, of: 3 },
        silenceMinutes: 30,
      },
    ],
    outcomes: { maturityHours: 3, horizonHours: 24, silenceMeans: 'unknown' },
    drift: { psi: 0.2, minimumRows: 1000, windowHours: 24 },
  },
  promotion: {
    unit: 'customer',
    steps: [
      { kind: 'smoke-test' },
      {
        kind: 'evaluate-offline',
        gates: [{ against: 'champion', metric: 'mae', margin: 0 }],
        slices: ['zone', 'vehicle'],
      },
      { kind: 'shadow', hours: 2, minimumRequests: 500, agreement: 0.8 },
      {
        kind: 'pilot',
        ramp: [
          { exposurePercent: 1, bakeMinutes: 60 },
          { exposurePercent: 10, bakeMinutes: 240 },
        ],
        guardrails: [{ metric: 'mae', margin: 0.05 }],
      },
      {
        kind: 'ab',
        exposurePercent: 50,
        minimumDays: 7,
        maximumDays: 21,
        metric: 'mae',
        minimumDetectableEffect: 0.03,
        guardrails: [
          { metric: 'withinToleranceShare', margin: 0.02 },
          { metric: 'errorShare', margin: 0 },
        ],
        covariate: 'champion-prediction',
        randomAcceptShare: 0,
      },
      { kind: 'production' },
      { kind: 'bake', hours: 24 },
    ],
  },
  retraining: {
    trainer: {
      kind: 'gbdt',
      trees: 120,
      leaves: 8,
      learningRate: 0.15,
      minimumChildRows: 50,
      anomalyTrees: 0,
    },
    triggers: [{ kind: 'missed-objective' }, { kind: 'schedule', everyDays: 14 }],
    windowDays: 90,
    coolDownHours: 24,
  },
  snapshots: { purpose: 'validation', everyDays: 7, windowDays: 28, units: 100_000 },
  response: {
    opsFirst: false,
    rota: 'grocery-delivery',
    escalation: [
      { level: 'on-call', afterMinutes: 15 },
      { level: 'senior', afterMinutes: 60 },
      { level: 'lead', afterMinutes: 240 },
    ],
    resolveWithinHours: { high: 24, low: 168 },
    quietHours: { from: '20:00', to: '08:00', timeZone: 'Europe/Berlin' },
  },
};
