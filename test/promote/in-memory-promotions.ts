import type { BusEvent } from '../../functions/contracts/event-bus.ts';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import type { Promotion, PromotionPlace } from '../../functions/contracts/promotion.ts';
import { PROMOTION_EVENTS } from '../../functions/contracts/promotion-events.ts';
import type { PlanStep } from '../../functions/contracts/promotion-pace.ts';
import type { Route } from '../../functions/contracts/route.ts';
import type { Version } from '../../functions/contracts/version.ts';
import type { Look } from '../../functions/promote/look.ts';
import { digestOfSpec, type PromotionContext } from '../../functions/promote/promotion-context.ts';
import type { PromotionTable } from '../../functions/promote/promotion-table.ts';
import type { RouteStore, RouteWrite } from '../../functions/promote/route-store.ts';
import { instantOf } from '../../functions/runtime/clock.ts';
import type { TransactItem } from '../../functions/runtime/transaction.ts';
import { aModel } from '../builders/model-spec.ts';
import { aRoute, aVersion, ManualClock, START_MS, servedVersion } from '../builders/route.ts';

export const hypothesis = {
  change: 'more rows',
  why: 'the north zone was thin',
  expectedEffect: 'mae falls by 3 %',
  analysis: 'https://notebooks.test/1',
};

/** A plan with every kind of step that lasts. */
export const STEPS = [
  { kind: 'smoke-test' },
  { kind: 'shadow', hours: 2, minimumRequests: 10, agreement: 0.8 },
  {
    kind: 'pilot',
    ramp: [
      { exposurePercent: 1, bakeMinutes: 60 },
      { exposurePercent: 10, bakeMinutes: 60 },
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
    guardrails: [{ metric: 'errorShare', margin: 0 }],
    covariate: 'champion-prediction',
    randomAcceptShare: 0,
  },
  { kind: 'approve', expiresAfterHours: 72 },
  { kind: 'production' },
  { kind: 'bake', hours: 24 },
] as const satisfies readonly PlanStep[];

export const PLACE = {
  smoke: { step: 0 },
  shadow: { step: 1 },
  pilot: { step: 2, rung: 0 },
  widerPilot: { step: 2, rung: 1 },
  ab: { step: 3 },
  approve: { step: 4 },
  production: { step: 5 },
  bake: { step: 6 },
} as const satisfies Record<string, PromotionPlace>;

export const aPlannedModel = (steps: readonly PlanStep[] = STEPS): ModelSpec =>
  aModel('m', { promotion: { unit: 'customer', steps: structuredClone([...steps]) } });

export const aPromotion = (over: Partial<Promotion> = {}): Promotion => ({
  id: 'm-p1',
  model: 'm',
  ...servedVersion('2'),
  champion: servedVersion('1'),
  specDigest: digestOfSpec(aPlannedModel()),
  hypothesis,
  state: 'running',
  place: PLACE.smoke,
  placeSince: instantOf(START_MS),
  startedAt: instantOf(START_MS),
  startedBy: 'me',
  ...over,
});

interface Begun {
  readonly promotion?: Promotion;
  readonly route?: Route;
  readonly versions?: readonly Version[];
  readonly spec?: ModelSpec;
}

/** The tables in memory, with their own compare-and-set, and hooks to come in between. */
export class InMemoryPromotions {
  readonly clock = new ManualClock();
  /** Written to be told, in the order of the writes. */
  readonly untold: BusEvent[] = [];
  readonly promotions = new Map<string, Promotion>();
  readonly looks: Look[] = [];
  readonly frozen = new Map<string, unknown>();
  readonly versions: Map<string, Version>;
  route: Route | undefined;
  validationSet: Awaited<ReturnType<PromotionContext['validationSet']>>;
  runs: string | undefined;
  last = 0;
  /** Called before a write; what it throws is a crash there. */
  before: (write: string) => void = () => {};
  readonly context: PromotionContext;

  constructor({ promotion, route = aRoute(), versions, spec = aPlannedModel() }: Begun = {}) {
    this.route = route;
    this.versions = new Map(
      (versions ?? [aVersion('1', { stage: 'production' }), aVersion('2')]).map((each) => [
        each.version,
        each,
      ]),
    );
    if (promotion) {
      this.promotions.set(promotion.id, promotion);
      this.last = Number(promotion.id.split('-p')[1]);
      if (promotion.state === 'running') this.runs = promotion.id;
    }
    this.context = {
      specs: [spec],
      promotions: this.#promotionTable() as unknown as PromotionTable,
      routes: { read: async () => this.route } as unknown as PromotionContext['routes'],
      routeStore: this.#routeStore() as unknown as RouteStore,
      versions: {
        find: async (_: string, version: string) => this.versions.get(version),
      } as unknown as PromotionContext['versions'],
      clock: this.clock,
      validationSet: async () => this.validationSet,
      announce: async () => this.before('announcement'),
    };
  }

  get promotion(): Promotion {
    const found = this.promotions.get('m-p1');
    if (!found) throw new Error('there is no m-p1');
    return found;
  }

  typesToTell(): string[] {
    return this.untold.map(({ type }) => type);
  }

  stageOf(version: string): string | undefined {
    return this.versions.get(version)?.stage;
  }

  #promotionTable(): Partial<PromotionTable> {
    const ifRunning = (
      id: string,
      write: string,
      set: (found: Promotion) => Promotion,
      events: readonly BusEvent[] = [],
      onlyIf?: TransactItem,
    ) => {
      this.before(write);
      if (onlyIf && onlyIf.ConditionCheck?.Key?.['epoch'] !== this.route?.epoch) return false;
      const found = this.promotions.get(id);
      if (found?.state !== 'running') return false;
      this.promotions.set(id, set(found));
      this.untold.push(...events);
      return true;
    };
    return {
      find: async (_, id) => this.promotions.get(id),
      running: async () => (this.runs === undefined ? undefined : this.promotions.get(this.runs)),
      count: async () => this.last,
      list: async () => ({ promotions: [...this.promotions.values()].toReversed() }),
      start: async (promotion, last, events) => {
        this.before('start');
        if (this.runs !== undefined || this.last !== last) return { kind: 'overtaken' };
        this.last += 1;
        this.runs = promotion.id;
        this.promotions.set(promotion.id, promotion);
        this.untold.push(...events);
        return { kind: 'written' };
      },
      change: async ({ id }, changes, events) =>
        ifRunning(id, 'change', (found) => ({ ...found, ...changes }), events),
      decide: async ({ id }, token, decision, events) => {
        const { approval } = this.promotions.get(id) ?? {};
        if (approval?.token !== token || approval.decision) return false;
        const decided = { ...approval, decision };
        return ifRunning(id, 'decide', (found) => ({ ...found, approval: decided }), events);
      },
      whileRunning: ({ id: promotion }) => ({
        ConditionCheck: { TableName: 'promotions', Key: { promotion }, ConditionExpression: '' },
      }),
      end: async (ended, events, onlyIf) => {
        const set = (found: Promotion) => ({ ...found, ...ended });
        const isEnded = ifRunning(ended.id, 'end', set, events, onlyIf);
        if (isEnded) this.runs = undefined;
        return { kind: isEnded ? 'written' : 'overtaken' };
      },
      override: async ({ id }, overridden, events) => {
        this.before('override');
        const found = this.promotions.get(id);
        if (found?.state !== 'inconclusive') return;
        this.promotions.set(id, { ...found, overridden });
        this.untold.push(...events);
      },
      keepLook: async (look, events) => {
        this.looks.push(look);
        this.untold.push(...events);
      },
      note: async (events) => {
        this.before('note');
        this.untold.push(...events);
      },
      lastLook: async () => this.looks.at(-1),
      looks: async () => this.looks,
      frozen: (_, name, make) => this.freeze(name, make),
    };
  }

  async freeze<Value>(name: string, make: () => Promise<Value>): Promise<Value> {
    if (!this.frozen.has(name)) this.frozen.set(name, await make());
    return this.frozen.get(name) as Value;
  }

  #routeStore(): Partial<RouteStore> {
    const silently = (
      next: Route,
      version?: string,
      stage?: Version['stage'],
      unless: readonly Version['stage'][] = [],
    ): RouteWrite => {
      this.before('route');
      if ((this.route?.epoch ?? 0) !== next.epoch - 1) return { kind: 'route-changed' };
      const found = version === undefined ? undefined : this.versions.get(version);
      if (version !== undefined && (!found || unless.includes(found.stage)))
        return { kind: 'version-changed' };
      this.route = next;
      if (found && stage) this.versions.set(found.version, { ...found, stage });
      return { kind: 'written' };
    };
    const isOvertaken = (onlyIf: TransactItem | undefined): boolean => {
      if (!onlyIf) return false;
      const id = String(onlyIf.ConditionCheck?.Key?.['promotion']);
      return this.promotions.get(id)?.state !== 'running';
    };
    const write = (...change: Parameters<typeof silently>): RouteWrite => {
      const written = silently(...change);
      const [{ changedAt: at, model }] = change;
      if (written.kind === 'written')
        this.untold.push({ type: PROMOTION_EVENTS.routeChanged, detail: { at, model } });
      return written;
    };
    const gone: Version['stage'][] = ['retired', 'rejected'];
    return {
      crown: async (next, onlyIf) =>
        isOvertaken(onlyIf)
          ? { kind: 'overtaken' }
          : write(next, next.champion.version, 'production', gone),
      expose: async (next, version, stage, onlyIf) =>
        isOvertaken(onlyIf) ? { kind: 'overtaken' } : write(next, version, stage, gone),
      renew: async (next) => silently(next),
      amend: async (next) => write(next),
      setStage: async (_, version, stage) => {
        this.before('stage');
        const found = this.versions.get(version);
        if (!found || ['retired', 'production'].includes(found.stage))
          return { kind: 'version-changed' };
        this.versions.set(version, { ...found, stage });
        return { kind: 'written' };
      },
      whileAt: (_, seen) => ({
        ConditionCheck: {
          TableName: 'routes',
          Key: { epoch: seen?.epoch },
          ConditionExpression: '',
        },
      }),
      unexpose: async (_, version) => {
        this.before('stage');
        const found = this.versions.get(version);
        if (found?.stage !== 'pilot' && found?.stage !== 'ab') return { kind: 'version-changed' };
        this.versions.set(version, { ...found, stage: 'evaluated' });
        return { kind: 'written' };
      },
      withdraw: async (next, version, stage) => write(next, version, stage, ['retired']),
    };
  }
}
