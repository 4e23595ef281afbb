import validate from 'asl-validator';
import { describe, expect, it, test } from 'vitest';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';
import { parseDefinition } from '../../infra/local/emulators/states-definition.ts';
import {
  type MachineDefinition,
  PROMOTION_STEPS,
  type PromotionStep,
  promotionMachine,
} from '../../infra/promotion-machine.ts';
import { LONGEST_HISTORY, longestHistory } from '../../infra/promotion-places.ts';
import { aModel } from '../builders/model-spec.ts';

const arns = Object.fromEntries(
  PROMOTION_STEPS.map((step) => [step, `arn:aws:lambda:eu-west-1:123456789012:function:${step}`]),
) as Record<PromotionStep, string>;
const specs = [deliveryTime, searchRanking, cardFraud];
const machineOf = (spec: (typeof specs)[number]) =>
  promotionMachine(spec, arns, 'arn:aws:lambda:eu-west-1:123456789012:function:trial');

/** The titles of the way that is taken when every verdict is PASS. */
function wayOf({ StartAt, States }: MachineDefinition): string[] {
  const way: string[] = [];
  for (let name: string | undefined = StartAt; name !== undefined; ) {
    const state: Record<string, unknown> = { ...States[name] };
    if (state['Type'] === 'Task' && !name.includes(':')) way.push(name);
    const choices = (state['Choices'] ?? []) as { Condition: string; Next: string }[];
    const pass = choices.find(({ Condition }) => Condition.includes('"PASS"'))?.Next;
    name = pass ?? (state['Next'] as string | undefined);
  }
  return way;
}

describe('each team’s way to production', () => {
  it('is the plan of its spec, in its words', () => {
    expect(Object.fromEntries(specs.map((spec) => [spec.name, wayOf(machineOf(spec))]))).toEqual({
      'delivery-time': [
        'Smoke test',
        'Evaluate offline',
        'Shadow',
        'Pilot 1 %',
        'Pilot 10 %',
        'A/B test',
        'Production',
        'Bake',
        'Keep',
      ],
      'search-ranking': [
        'Smoke test',
        'Evaluate offline',
        'Replay traffic',
        'A/B test',
        'Production',
        'Bake',
        'Keep',
      ],
      'card-fraud': [
        'Smoke test',
        'Evaluate offline',
        'Test performance',
        'Replay traffic',
        'Shadow',
        'Approve',
        'Production',
        'Bake',
        'Keep',
      ],
    });
  });

  test.each(specs)('of $name is valid, for AWS and for this machine', (spec) => {
    const definition = machineOf(spec);
    expect(validate(definition)).toMatchObject({ isValid: true });
    expect(() => parseDefinition(JSON.stringify(definition), spec.name)).not.toThrow();
  });

  test.each(specs)(
    'of $name has a time-out, retries with jitter and a catch at every task',
    (spec) => {
      const tasks = Object.entries(machineOf(spec).States).filter(
        ([, { Type }]) => Type === 'Task',
      );
      const bare = tasks.filter(
        ([name, { Retry, Catch, TimeoutSeconds }]) =>
          TimeoutSeconds === undefined ||
          !JSON.stringify(Retry).includes('"JitterStrategy":"FULL"') ||
          (Catch === undefined && !['Keep', 'Roll back', 'Reject', 'Inconclusive'].includes(name)),
      );
      expect(bare.map(([name]) => name)).toEqual([]);
      expect(machineOf(spec).TimeoutSeconds).toBeLessThan(31_536_000);
    },
  );

  test.each(specs)('of $name stays within the history that Step Functions keeps', (spec) => {
    expect(longestHistory(spec)).toBeLessThan(LONGEST_HISTORY);
  });
});

it('a plan that could overflow its history is refused with the number', () => {
  const long = aModel('long');
  const bakes = Array.from({ length: 3 }, () => ({ kind: 'bake' as const, hours: 1000 }));
  const spec = {
    ...long,
    promotion: {
      ...long.promotion,
      steps: [...long.promotion.steps.filter(({ kind }) => kind !== 'bake'), ...bakes],
    },
  };
  expect(() => machineOf(spec)).toThrow(/could take [0-9]+ events of history/);
});

it('nothing but a PASS leads forward', () => {
  const { States } = machineOf(deliveryTime);
  const forward = Object.entries(States)
    .filter(([name]) => name.endsWith('?'))
    .map(([name, state]) => {
      const choices = (state['Choices'] ?? []) as { Condition: string; Next: string }[];
      const others = choices.filter(({ Condition }) => !Condition.includes('"PASS"'));
      const own = name.slice(0, -1);
      return others.filter(
        ({ Next }) =>
          !Next.startsWith(`${own}: `) && !['Over', 'Reject', 'Inconclusive'].includes(Next),
      );
    });
  expect(forward.flat()).toEqual([]);
});
