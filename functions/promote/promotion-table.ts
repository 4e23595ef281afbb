import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import {
  type DynamoDBDocumentClient,
  PutCommand,
  QueryCommand,
  TransactWriteCommand,
} from '@aws-sdk/lib-dynamodb';
import type { BusEvent } from '../contracts/event-bus.ts';
import { Promotion } from '../contracts/promotion.ts';
import type { Outbox } from '../runtime/outbox.ts';
import { isLostRace, type TransactItem } from '../runtime/transaction.ts';
import { Look } from './look.ts';
import { NumberedItems } from './numbered-items.ts';

/** Of `<model>-p<number>`; sorts as numbers do. */
const numberOf = (id: string): string => (/-p([0-9]+)$/.exec(id)?.[1] ?? '0').padStart(6, '0');
const promotionKey = (id: string): string => `promotion#${numberOf(id)}`;
const lookKey = (id: string, at: string): string => `look#${numberOf(id)}#${at}`;
const RUNNING = 'running';

type Item = Readonly<Record<string, unknown>>;
type PromotionKey = Pick<Promotion, 'model' | 'id'>;
type Decision = NonNullable<NonNullable<Promotion['approval']>['decision']>;

export type StartWrite =
  | { readonly kind: 'written' }
  /** Another one has begun, or ended, in between. */
  | { readonly kind: 'overtaken' };

/**
 * The only code that touches the promotion table: promotions, their looks, which one runs, and what is to be
 * told of them, which is written together with what it tells of.
 */
export class PromotionTable {
  readonly #client: DynamoDBDocumentClient;
  readonly #table: string;
  readonly #items: NumberedItems;
  readonly #outbox: Pick<Outbox, 'entries'>;

  constructor(client: DynamoDBDocumentClient, table: string, outbox: Pick<Outbox, 'entries'>) {
    this.#client = client;
    this.#table = table;
    this.#items = new NumberedItems(client, table);
    this.#outbox = outbox;
  }

  async find(model: string, id: string): Promise<Promotion | undefined> {
    const item = await this.#items.get(model, promotionKey(id));
    const promotion = item && readPromotion(item);
    return promotion?.id === id ? promotion : undefined;
  }

  /** The one that runs now. */
  async running(model: string): Promise<Promotion | undefined> {
    const marker = await this.#items.get(model, RUNNING);
    return marker && this.find(model, String(marker['promotion']));
  }

  /** How many there were; the next has the number after. */
  count(model: string): Promise<number> {
    return this.#items.lastNumber(model);
  }

  /** Newest first. @param before the id of the oldest of the page before. */
  async list(model: string, before?: string): Promise<{ promotions: Promotion[]; next?: string }> {
    const from = before && promotionKey(before);
    const { items, isLast } = await this.#items.newest(model, 'promotion#', from);
    const promotions = items.map(readPromotion);
    const last = promotions.at(-1);
    return { promotions, ...(!isLast && last && { next: last.id }) };
  }

  /** One promotion a model at a time: the marker is taken with the number, or neither is. */
  async start(
    promotion: Promotion,
    last: number,
    events: readonly BusEvent[],
  ): Promise<StartWrite> {
    const { model, id } = promotion;
    const isStarted = await this.#write(
      [
        this.#items.takeNumber(model, last),
        this.#items.putNew({ model, sk: RUNNING, promotion: id }),
        this.#items.putNew({ ...promotion, sk: promotionKey(id) }),
      ],
      events,
    );
    return { kind: isStarted ? 'written' : 'overtaken' };
  }

  /** For a write elsewhere that is to be made only while the promotion runs. */
  whileRunning({ model, id }: PromotionKey): TransactItem {
    return {
      ConditionCheck: {
        TableName: this.#table,
        Key: { model, sk: promotionKey(id) },
        ConditionExpression: '#state = :running',
        ExpressionAttributeNames: { '#state': 'state' },
        ExpressionAttributeValues: { ':running': 'running' },
      },
    };
  }

  /**
   * Changes these fields of a promotion that runs, and no others: the machine, operators and a start whose
   * answer got lost write at once. False when it has ended meanwhile.
   */
  async change(
    { model, id }: PromotionKey,
    changes: Partial<Omit<Promotion, 'state'>>,
    events: readonly BusEvent[] = [],
  ): Promise<boolean> {
    if (await this.#write([this.#setWhile('running', model, id, changes)], events)) return true;
    // Two writes that only met each other are both to be made.
    const now = await this.find(model, id);
    return now?.state === 'running' && this.change(now, changes, events);
  }

  /** Keeps the first decision on what was asked under a token; false when there is one, or none is asked. */
  decide(
    { model, id }: PromotionKey,
    token: string,
    decision: Decision,
    events: readonly BusEvent[],
  ): Promise<boolean> {
    const Update = {
      TableName: this.#table,
      Key: { model, sk: promotionKey(id) },
      UpdateExpression: 'SET approval.decision = :decision',
      ConditionExpression:
        '#state = :running AND approval.#token = :token AND attribute_not_exists(approval.decision)',
      ExpressionAttributeNames: { '#state': 'state', '#token': 'token' },
      ExpressionAttributeValues: { ':running': 'running', ':token': token, ':decision': decision },
    };
    return this.#write([{ Update }], events);
  }

  /**
   * Ends one and lets the next begin; `overtaken` when it had ended already, or what it ends with has changed.
   * @param onlyIf that the route is still the one that does not name it.
   */
  async end(
    promotion: Promotion,
    events: readonly BusEvent[],
    onlyIf?: TransactItem,
  ): Promise<StartWrite> {
    const { model, id, state, endedAt, endedBy, reason, idea } = promotion;
    const ending = { state, endedAt, endedBy, reason, idea };
    const Delete = {
      TableName: this.#table,
      Key: { model, sk: RUNNING },
      ConditionExpression: 'promotion = :id',
      ExpressionAttributeValues: { ':id': id },
    };
    const isEnded = await this.#write(
      [this.#setWhile('running', model, id, ending), { Delete }, ...(onlyIf ? [onlyIf] : [])],
      events,
    );
    return { kind: isEnded ? 'written' : 'overtaken' };
  }

  /** Notes who has overridden one that ended inconclusive; the latest holds. */
  async override(
    { model, id }: PromotionKey,
    overridden: NonNullable<Promotion['overridden']>,
    events: readonly BusEvent[],
  ): Promise<void> {
    await this.#write([this.#setWhile('inconclusive', model, id, { overridden })], events);
  }

  /** What is to be told of a step that changes nothing itself. */
  async note(events: readonly BusEvent[]): Promise<void> {
    await this.#write([], events);
  }

  /** A look is kept once, whatever is delivered twice. */
  async keepLook(look: Look, events: readonly BusEvent[]): Promise<void> {
    const Item = { ...look, sk: lookKey(look.promotion, look.at) };
    await this.#write([{ Put: { TableName: this.#table, Item } }], events);
  }

  async lastLook(model: string, id: string): Promise<Look | undefined> {
    const { Items = [] } = await this.#client.send(
      new QueryCommand({
        TableName: this.#table,
        KeyConditionExpression: 'model = :model AND begins_with(sk, :looks)',
        ExpressionAttributeValues: { ':model': model, ':looks': lookKey(id, '') },
        ScanIndexForward: false,
        ConsistentRead: true,
        Limit: 1,
      }),
    );
    return Items.map(readLook)[0];
  }

  /** Oldest first. */
  async looks(model: string, id: string): Promise<Look[]> {
    const looks: Look[] = [];
    let from: Record<string, unknown> | undefined;
    do {
      const { Items = [], LastEvaluatedKey } = await this.#client.send(
        new QueryCommand({
          TableName: this.#table,
          KeyConditionExpression: 'model = :model AND begins_with(sk, :looks)',
          ExpressionAttributeValues: { ':model': model, ':looks': lookKey(id, '') },
          ConsistentRead: true,
          ...(from && { ExclusiveStartKey: from }),
        }),
      );
      looks.push(...Items.map(readLook));
      from = LastEvaluatedKey;
    } while (from);
    return looks;
  }

  /** What is kept under a name, or what is made now and kept from now on. */
  async frozen<Value>(model: string, name: string, make: () => Promise<Value>): Promise<Value> {
    const sk = `frozen#${name}`;
    const kept = await this.#items.get(model, sk);
    if (kept) return kept['value'] as Value;
    const value = await make();
    try {
      await this.#client.send(
        new PutCommand({
          TableName: this.#table,
          Item: { model, sk, value },
          ConditionExpression: 'attribute_not_exists(sk)',
        }),
      );
      return value;
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      // Another look was faster; what it counted holds.
      return this.frozen(model, name, make);
    }
  }

  #setWhile(
    state: Promotion['state'],
    model: string,
    id: string,
    changes: Readonly<Record<string, unknown>>,
  ): TransactItem {
    const fields = Object.entries(changes);
    return {
      Update: {
        TableName: this.#table,
        Key: { model, sk: promotionKey(id) },
        UpdateExpression: `SET ${fields.map(([name]) => `#${name} = :${name}`).join(', ')}`,
        ConditionExpression: '#is = :is',
        ExpressionAttributeNames: {
          '#is': 'state',
          ...Object.fromEntries(fields.map(([name]) => [`#${name}`, name])),
        },
        ExpressionAttributeValues: {
          ':is': state,
          ...Object.fromEntries(fields.map(([name, value]) => [`:${name}`, value])),
        },
      },
    };
  }

  /** All of it with what is to be told of it, or nothing: false when a condition does not hold. */
  async #write(items: readonly TransactItem[], events: readonly BusEvent[]): Promise<boolean> {
    const TransactItems = [...items, ...this.#outbox.entries(events)];
    try {
      await this.#client.send(new TransactWriteCommand({ TransactItems }));
      return true;
    } catch (error) {
      if (isLostRace(error)) return false;
      throw error;
    }
  }
}

const readLook = ({ sk: _sk, ...item }: Item): Look => Look.parse(item);

const readPromotion = ({ sk: _sk, ...item }: Item): Promotion => Promotion.parse(item);
