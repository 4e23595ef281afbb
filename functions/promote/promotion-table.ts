import {
  ConditionalCheckFailedException,
  TransactionCanceledException,
} from '@aws-sdk/client-dynamodb';
import {
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  TransactWriteCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { LIMITS } from '../contracts/limits.ts';
import { Promotion } from '../contracts/promotion.ts';
import { Look } from './look.ts';

/** Of `<model>-p<number>`; sorts as numbers do. */
const numberOf = (id: string): string => (/-p([0-9]+)$/.exec(id)?.[1] ?? '0').padStart(6, '0');
const promotionKey = (id: string): string => `promotion#${numberOf(id)}`;
const lookKey = (id: string, at: string): string => `look#${numberOf(id)}#${at}`;
const RUNNING = 'running';
const COUNTER = 'counter';

type PromotionKey = Pick<Promotion, 'model' | 'id'>;
type Decision = NonNullable<NonNullable<Promotion['approval']>['decision']>;

export type StartWrite =
  | { readonly kind: 'written' }
  /** Another one has begun, or ended, in between. */
  | { readonly kind: 'overtaken' };

/** The only code that touches the promotion table: promotions, their looks, and which one runs. */
export class PromotionTable {
  readonly #client: DynamoDBDocumentClient;
  readonly #table: string;

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#client = client;
    this.#table = table;
  }

  async find(model: string, id: string): Promise<Promotion | undefined> {
    const item = await this.#get(model, promotionKey(id));
    const promotion = item && readPromotion(item);
    return promotion?.id === id ? promotion : undefined;
  }

  /** The one that runs now. */
  async running(model: string): Promise<Promotion | undefined> {
    const marker = await this.#get(model, RUNNING);
    return marker && this.find(model, String(marker['promotion']));
  }

  /** How many there were; the next has the number after. */
  async count(model: string): Promise<number> {
    const counter = await this.#get(model, COUNTER);
    return Number(counter?.['last'] ?? 0);
  }

  /** Newest first. @param before the id of the oldest of the page before. */
  async list(model: string, before?: string): Promise<{ promotions: Promotion[]; next?: string }> {
    const { Items = [], LastEvaluatedKey } = await this.#client.send(
      new QueryCommand({
        TableName: this.#table,
        KeyConditionExpression: 'model = :model AND begins_with(sk, :promotions)',
        ExpressionAttributeValues: { ':model': model, ':promotions': 'promotion#' },
        ScanIndexForward: false,
        ConsistentRead: true,
        Limit: LIMITS.pageSize,
        ...(before && { ExclusiveStartKey: { model, sk: promotionKey(before) } }),
      }),
    );
    const promotions = Items.map(readPromotion);
    const last = promotions.at(-1);
    return { promotions, ...(LastEvaluatedKey && last && { next: last.id }) };
  }

  /** One promotion a model at a time: the marker is taken with the number, or neither is. */
  async start(promotion: Promotion, last: number): Promise<StartWrite> {
    const { model, id } = promotion;
    const Table = { TableName: this.#table };
    const isNew = 'attribute_not_exists(sk)';
    return this.#transact([
      {
        Update: {
          ...Table,
          Key: { model, sk: COUNTER },
          UpdateExpression: 'SET #last = :next',
          ConditionExpression: last === 0 ? isNew : '#last = :last',
          ExpressionAttributeNames: { '#last': 'last' },
          ExpressionAttributeValues: { ':next': last + 1, ...(last > 0 && { ':last': last }) },
        },
      },
      {
        Put: { ...Table, Item: { model, sk: RUNNING, promotion: id }, ConditionExpression: isNew },
      },
      {
        Put: {
          ...Table,
          Item: { ...promotion, sk: promotionKey(id) },
          ConditionExpression: isNew,
        },
      },
    ]);
  }

  /**
   * Changes these fields of a promotion that runs, and no others: the machine, operators and a start whose
   * answer got lost write at once. False when it has ended meanwhile.
   */
  change(
    { model, id }: PromotionKey,
    changes: Partial<Omit<Promotion, 'state'>>,
  ): Promise<boolean> {
    return this.#update(this.#whileRunning(model, id, changes));
  }

  /** Keeps the first decision on what was asked under a token; false when there is one, or none is asked. */
  decide({ model, id }: PromotionKey, token: string, decision: Decision): Promise<boolean> {
    return this.#update({
      TableName: this.#table,
      Key: { model, sk: promotionKey(id) },
      UpdateExpression: 'SET approval.decision = :decision',
      ConditionExpression:
        '#state = :running AND approval.#token = :token AND attribute_not_exists(approval.decision)',
      ExpressionAttributeNames: { '#state': 'state', '#token': 'token' },
      ExpressionAttributeValues: { ':running': 'running', ':token': token, ':decision': decision },
    });
  }

  /** Ends one and lets the next begin; `overtaken` when it had ended already. */
  end({ model, id, state, endedAt, endedBy, reason, idea }: Promotion): Promise<StartWrite> {
    const Table = { TableName: this.#table };
    const ending = { state, endedAt, endedBy, reason, idea };
    return this.#transact([
      { Update: this.#whileRunning(model, id, ending) },
      {
        Delete: {
          ...Table,
          Key: { model, sk: RUNNING },
          ConditionExpression: 'promotion = :id',
          ExpressionAttributeValues: { ':id': id },
        },
      },
    ]);
  }

  /** A look is kept once, whatever is delivered twice. */
  async keepLook(look: Look): Promise<void> {
    await this.#client.send(
      new PutCommand({
        TableName: this.#table,
        Item: { ...look, sk: lookKey(look.promotion, look.at) },
      }),
    );
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
    const kept = await this.#get(model, sk);
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

  #whileRunning(model: string, id: string, changes: Readonly<Record<string, unknown>>) {
    const fields = Object.entries(changes);
    return {
      TableName: this.#table,
      Key: { model, sk: promotionKey(id) },
      UpdateExpression: `SET ${fields.map(([name]) => `#${name} = :${name}`).join(', ')}`,
      ConditionExpression: '#state = :running',
      ExpressionAttributeNames: {
        '#state': 'state',
        ...Object.fromEntries(fields.map(([name]) => [`#${name}`, name])),
      },
      ExpressionAttributeValues: {
        ':running': 'running',
        ...Object.fromEntries(fields.map(([name, value]) => [`:${name}`, value])),
      },
    };
  }

  /** False when the condition does not hold. */
  async #update(update: ConstructorParameters<typeof UpdateCommand>[0]): Promise<boolean> {
    try {
      await this.#client.send(new UpdateCommand(update));
      return true;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false;
      throw error;
    }
  }

  async #get(model: string, sk: string) {
    const { Item } = await this.#client.send(
      new GetCommand({ TableName: this.#table, Key: { model, sk }, ConsistentRead: true }),
    );
    return Item;
  }

  async #transact(
    items: NonNullable<ConstructorParameters<typeof TransactWriteCommand>[0]['TransactItems']>,
  ): Promise<StartWrite> {
    try {
      await this.#client.send(new TransactWriteCommand({ TransactItems: items }));
      return { kind: 'written' };
    } catch (error) {
      const reasons =
        error instanceof TransactionCanceledException ? (error.CancellationReasons ?? []) : [];
      const isOvertaken = reasons.some(
        ({ Code }) => Code === 'ConditionalCheckFailed' || Code === 'TransactionConflict',
      );
      if (isOvertaken) return { kind: 'overtaken' };
      throw error;
    }
  }
}

const readLook = ({ sk: _sk, ...item }: Record<string, unknown>): Look => Look.parse(item);

const readPromotion = ({ sk: _sk, ...item }: Record<string, unknown>): Promotion =>
  Promotion.parse(item);
