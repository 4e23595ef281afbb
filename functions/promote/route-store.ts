import { TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import { type DynamoDBDocumentClient, TransactWriteCommand } from '@aws-sdk/lib-dynamodb';
import type { BusEvent } from '../contracts/event-bus.ts';
import { PROMOTION_EVENTS } from '../contracts/promotion-events.ts';
import type { Route } from '../contracts/route.ts';
import { Version } from '../contracts/version.ts';
import type { Outbox } from '../runtime/outbox.ts';
import { isRefusal, type TransactItem } from '../runtime/transaction.ts';
import { versionKey } from './version-table.ts';

export type RouteWrite =
  | { readonly kind: 'written' }
  /** The route is not at the epoch that was seen. */
  | { readonly kind: 'route-changed' }
  /** The version was retired or rejected in between. */
  | { readonly kind: 'version-changed' }
  /** The promotion that writes has ended in between. */
  | { readonly kind: 'overtaken' };

/**
 * Changes a route and the stage of a version together or not at all, and with them that it is to be told, so
 * that no crash and no second operator leaves a route that names a retired version or that nobody hears of.
 */
export class RouteStore {
  readonly #client: DynamoDBDocumentClient;
  readonly #routeTable: string;
  readonly #versionTable: string;
  readonly #outbox: Pick<Outbox, 'entries'>;

  constructor(
    client: DynamoDBDocumentClient,
    routeTable: string,
    versionTable: string,
    outbox: Pick<Outbox, 'entries'>,
  ) {
    this.#client = client;
    this.#routeTable = routeTable;
    this.#versionTable = versionTable;
    this.#outbox = outbox;
  }

  /**
   * Writes when the stored epoch is the one before `route.epoch`, and its champion may serve.
   * @param onlyIf that the promotion which crowns still runs; absent where an operator does.
   */
  crown(route: Route, onlyIf?: TransactItem): Promise<RouteWrite> {
    const { model, champion } = route;
    return this.#write([
      this.#putRoute(route),
      this.#setStage(model, champion.version, 'production', ['retired', 'rejected']),
      ...(onlyIf ? [onlyIf] : []),
      ...this.#tell(route),
    ]);
  }

  /** @param seen the route that does not name the version; absent where the model has none. */
  retire(model: string, version: string, seen: Route | undefined): Promise<RouteWrite> {
    return this.#write([this.whileAt(model, seen), this.#setStage(model, version, 'retired', [])]);
  }

  /** For a write that is to be made only while the route is the one that was seen, or still none. */
  whileAt(model: string, seen: Route | undefined): TransactItem {
    const check = seen
      ? { ConditionExpression: 'epoch = :seen', ExpressionAttributeValues: { ':seen': seen.epoch } }
      : { ConditionExpression: 'attribute_not_exists(epoch)' };
    return { ConditionCheck: { TableName: this.#routeTable, Key: { model }, ...check } };
  }

  /** The same where the route remembers the version as its former champion and must forget it. */
  retireFormer(model: string, version: string, forgotten: Route): Promise<RouteWrite> {
    return this.#write([
      this.#putRoute(forgotten),
      this.#setStage(model, version, 'retired', []),
      ...this.#tell(forgotten),
    ]);
  }

  /**
   * Shows a challenger to more units, or runs it in shadow. Writes when the stored epoch is the one before.
   * @param stage where the challenger stands from now on.
   * @param onlyIf that its promotion still runs: what has ended exposes nobody.
   */
  expose(
    route: Route,
    version: string,
    stage: Version['stage'],
    onlyIf: TransactItem,
  ): Promise<RouteWrite> {
    return this.#write([
      this.#putRoute(route),
      this.#setStage(route.model, version, stage, ['retired', 'rejected']),
      onlyIf,
      ...this.#tell(route),
    ]);
  }

  /** Renews a lease, which is no news. */
  renew(route: Route): Promise<RouteWrite> {
    return this.#write([this.#putRoute(route)]);
  }

  /** Writes the route alone. */
  amend(route: Route): Promise<RouteWrite> {
    return this.#write([this.#putRoute(route), ...this.#tell(route)]);
  }

  /** Changes where a version stands that no route names. */
  setStage(model: string, version: string, stage: Version['stage']): Promise<RouteWrite> {
    return this.#write([this.#setStage(model, version, stage, ['retired', 'production'])]);
  }

  /** Takes a version that no route names back from where units saw it; one that stands elsewhere stays. */
  unexpose(model: string, version: string): Promise<RouteWrite> {
    const elsewhere = Version.shape.stage.options.filter(
      (stage) => stage !== 'pilot' && stage !== 'ab',
    );
    return this.#write([this.#setStage(model, version, 'evaluated', elsewhere)]);
  }

  /** Takes a challenger, or a champion that proved wrong, out of the route. */
  withdraw(route: Route, version: string, stage: Version['stage']): Promise<RouteWrite> {
    return this.#write([
      this.#putRoute(route),
      this.#setStage(route.model, version, stage, ['retired']),
      ...this.#tell(route),
    ]);
  }

  #tell(route: Route): TransactItem[] {
    return this.#outbox.entries([routeChanged(route)]);
  }

  #putRoute(route: Route): TransactItem {
    const isFirst = route.epoch === 1;
    return {
      Put: {
        TableName: this.#routeTable,
        Item: route,
        ConditionExpression: isFirst ? 'attribute_not_exists(epoch)' : 'epoch = :before',
        ...(!isFirst && { ExpressionAttributeValues: { ':before': route.epoch - 1 } }),
      },
    };
  }

  #setStage(
    model: string,
    version: string,
    stage: Version['stage'],
    unless: readonly Version['stage'][],
  ): TransactItem {
    const names = unless.map((_, at) => `:unless${at}`);
    const isAllowed = names.length > 0 ? ` AND NOT stage IN (${names.join(', ')})` : '';
    return {
      Update: {
        TableName: this.#versionTable,
        Key: { model, sk: versionKey(version) },
        UpdateExpression: 'SET stage = :stage',
        ConditionExpression: `attribute_exists(sk)${isAllowed}`,
        ExpressionAttributeValues: {
          ':stage': stage,
          ...Object.fromEntries(unless.map((each, at) => [`:unless${at}`, each])),
        },
      },
    };
  }

  async #write(items: TransactItem[]): Promise<RouteWrite> {
    try {
      await this.#client.send(new TransactWriteCommand({ TransactItems: items }));
      return { kind: 'written' };
    } catch (error) {
      if (!(error instanceof TransactionCanceledException)) throw error;
      const [route, version, promotion] = error.CancellationReasons ?? [];
      if (isRefusal(route)) return { kind: 'route-changed' };
      if (isRefusal(version)) return { kind: 'version-changed' };
      if (isRefusal(promotion)) return { kind: 'overtaken' };
      throw error;
    }
  }
}

const routeChanged = (route: Route): BusEvent => ({
  type: PROMOTION_EVENTS.routeChanged,
  detail: { at: route.changedAt, model: route.model, route },
});
