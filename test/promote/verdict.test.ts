import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { Arms, ArmValue } from '../../functions/measures/arm-effect.ts';
import type { Evidence, MeasuredMetric, TestPlan } from '../../functions/promote/test-plan.ts';
import { judge } from '../../functions/promote/verdict.ts';

const plan: TestPlan = {
  metric: 'purchaseShare',
  direction: 1,
  guardrails: [{ metric: 'ndcg', margin: 0.02, direction: 1 }],
  plannedUnits: 40_000,
  minimumDays: 7,
  maximumDays: 21,
};

const share = (value: number, units: number): ArmValue => ({
  units,
  value,
  variance: (value * (1 - value)) / units,
});
const measured = (champion: number, challenger: number, units = 20_000): MeasuredMetric => ({
  arms: { champion: share(champion, units), challenger: share(challenger, units) },
  isSampleLarge: true,
});

const evidence = (over: Partial<Evidence> = {}): Evidence => ({
  days: 10,
  alarms: { challenger: [], champion: [] },
  rareEvents: { challenger: 5, total: 10, share: 0.5 },
  exposed: { champion: 20_000, challenger: 20_000 },
  mixedUnits: 0,
  data: 'complete',
  incompleteHours: 0,
  metrics: new Map([
    ['purchaseShare', measured(0.1, 0.1)],
    ['ndcg', measured(0.9, 0.9)],
  ]),
  hasSucceeded: false,
  ...over,
});

const better: Evidence['metrics'] = new Map([
  ['purchaseShare', measured(0.1, 0.13)],
  ['ndcg', measured(0.9, 0.9)],
]);
const harmful: Evidence['metrics'] = new Map([
  ['purchaseShare', measured(0.1, 0.13)],
  ['ndcg', measured(0.9, 0.8)],
]);
const ruleOf = (over: Partial<Evidence>) => {
  const { verdict, rule } = judge(plan, evidence(over));
  return `${verdict} ${rule}`;
};

describe('a look asks in this order', () => {
  const split: Arms<number> = { champion: 20_000, challenger: 18_000 };
  test.each<[string, Partial<Evidence>, string]>([
    [
      'an alarm on the challenger, whatever else is wrong',
      { alarms: { challenger: ['mae'], champion: [] }, exposed: split, data: 'failed' },
      'ROLLBACK alarm',
    ],
    [
      'failures that are mostly the challenger’s',
      { rareEvents: { challenger: 19, total: 20, share: 0.5 }, exposed: split },
      'ROLLBACK rare-events',
    ],
    [
      'a guardrail that is shown to fail, though the split is broken and the metric better',
      { metrics: harmful, exposed: split },
      'ROLLBACK guardrail',
    ],
    [
      'an alarm on both arms, which is nobody’s fault',
      { alarms: { challenger: ['mae'], champion: ['mae'] }, metrics: better },
      'HOLD alarm-on-both-arms',
    ],
    ['the sample ratio', { exposed: split, metrics: better }, 'HOLD sample-ratio'],
    ['units in both arms', { mixedUnits: 500, metrics: better }, 'HOLD mixed-units'],
    [
      'data that do not arrive',
      { data: 'silent', incompleteHours: 3, metrics: better },
      'HOLD no-data',
    ],
    ['the minimum duration', { days: 6, metrics: better }, 'CONTINUE minimum-sample'],
    ['success with every guardrail', { metrics: better }, 'PROMOTE success'],
    ['the horizon', { days: 21 }, 'INCONCLUSIVE horizon'],
    [
      'and goes on',
      {
        metrics: new Map([
          ['purchaseShare', measured(0.1, 0.102, 9_000)],
          ['ndcg', measured(0.9, 0.9, 9_000)],
        ]),
      },
      'CONTINUE undecided',
    ],
  ])('%s', (_, over, wanted) => {
    expect(ruleOf(over)).toBe(wanted);
  });
});

describe('a test', () => {
  it('is not promoted while data are missing, even within the grace', () => {
    expect(ruleOf({ data: 'silent', incompleteHours: 1, metrics: better })).not.toContain(
      'PROMOTE',
    );
  });

  it('keeps a success that an earlier look has shown', () => {
    const faded: Evidence['metrics'] = new Map([
      ['purchaseShare', measured(0.1, 0.105)],
      ['ndcg', measured(0.9, 0.9)],
    ]);
    expect(ruleOf({ metrics: faded, hasSucceeded: true })).toBe('PROMOTE success');
  });

  it('ends with what it has when the days are over and the sample was never reached', () => {
    expect(ruleOf({ days: 22, metrics: new Map() })).toBe('INCONCLUSIVE horizon');
  });

  it('is rolled back when its own metric is shown to be worse', () => {
    const worse: Evidence['metrics'] = new Map([
      ['purchaseShare', measured(0.13, 0.1)],
      ['ndcg', measured(0.9, 0.9)],
    ]);
    expect(ruleOf({ metrics: worse })).toBe('ROLLBACK guardrail');
  });

  it('says which alarm, metric or count decided', () => {
    expect(judge(plan, evidence({ metrics: harmful })).reason).toBe(
      'the challenger is worse in ndcg',
    );
    expect(
      judge(plan, evidence({ exposed: { champion: 20_000, challenger: 18_000 } })).reason,
    ).toMatch(/20000 units met the champion and 18000 the challenger.*half and half/);
  });

  it('never promotes without complete data, enough days, a large sample and guardrails that pass', () => {
    const anything = fc.record({
      days: fc.integer({ min: 0, max: 30 }),
      data: fc.constantFrom('complete', 'silent', 'failed'),
      incompleteHours: fc.integer({ min: 0, max: 5 }),
      exposedChallenger: fc.integer({ min: 0, max: 30_000 }),
      mixedUnits: fc.integer({ min: 0, max: 2_000 }),
      hasSucceeded: fc.boolean(),
      challenger: fc.double({ min: 0.05, max: 0.3, noNaN: true }),
      ndcg: fc.double({ min: 0.5, max: 1, noNaN: true }),
      isSampleLarge: fc.boolean(),
    });
    fc.assert(
      fc.property(anything, (drawn) => {
        const found = judge(
          plan,
          evidence({
            days: drawn.days,
            data: drawn.data,
            incompleteHours: drawn.incompleteHours,
            exposed: { champion: 20_000, challenger: drawn.exposedChallenger },
            mixedUnits: drawn.mixedUnits,
            hasSucceeded: drawn.hasSucceeded,
            metrics: new Map([
              [
                'purchaseShare',
                { ...measured(0.1, drawn.challenger), isSampleLarge: drawn.isSampleLarge },
              ],
              ['ndcg', measured(0.9, drawn.ndcg)],
            ]),
          }),
        );
        const mayPromote =
          drawn.data === 'complete' &&
          drawn.days >= plan.minimumDays &&
          drawn.isSampleLarge &&
          found.hasSucceeded &&
          found.guardrails.every(({ verdict }) => verdict === 'PASS');
        expect(found.verdict === 'PROMOTE' && !mayPromote).toBe(false);
      }),
    );
  });
});

describe('a latency guardrail of a fast service', () => {
  const latency: TestPlan = {
    ...plan,
    guardrails: [{ metric: 'latencyP99Ms', margin: 0.1, direction: -1 }],
  };
  const verdictOf = (slowUnits: MeasuredMetric['slowUnits']) =>
    judge(
      latency,
      evidence({
        days: 22,
        metrics: new Map([
          ['purchaseShare', measured(0.1, 0.13)],
          [
            'latencyP99Ms',
            { ...measured(0, 0), isSampleLarge: false, ...(slowUnits && { slowUnits }) },
          ],
        ]),
      }),
    ).verdict;

  test.each([
    ['holds where hardly any answer is slow', { challenger: 2, total: 3, share: 0.5 }, 'PROMOTE'],
    [
      'fails where the slow ones are its own',
      { challenger: 24, total: 25, share: 0.5 },
      'ROLLBACK',
    ],
    ['is not shown to hold without units', undefined, 'INCONCLUSIVE'],
  ])('%s', (_, slowUnits, verdict) => {
    expect(verdictOf(slowUnits)).toBe(verdict);
  });
});

describe('the final look', () => {
  // Two standard errors and a bit: enough for the final test, not for the one at any look.
  const slight: Evidence['metrics'] = new Map([
    ['purchaseShare', measured(0.1, 0.1066)],
    ['ndcg', measured(0.9, 0.9)],
  ]);

  it('calls a success that no look before it could', () => {
    expect(judge(plan, evidence({ metrics: slight, days: 10 }))).toMatchObject({
      hasSucceeded: true,
    });
    const planned = { ...plan, plannedUnits: 80_000 };
    expect(judge(planned, evidence({ metrics: slight, days: 10 }))).toMatchObject({
      verdict: 'CONTINUE',
      hasSucceeded: false,
    });
  });

  it.each<[string, Partial<Evidence>]>([
    ['holds', { data: 'failed' }],
    ['waits for its sample', { exposed: { champion: 90, challenger: 20 } }],
  ])('is not spent on a look that %s', (_, over) => {
    expect(judge(plan, evidence({ metrics: slight, days: 10, ...over })).hasSucceeded).toBe(false);
  });
});
