import type { ServiceError } from './emulator.ts';
import type { JsonObject } from './json.ts';

/** Which calls fail, and how. */
export interface InjectedFault {
  /** As in messages: `DynamoDB`, `Firehose`. */
  readonly service: string;
  readonly operation: string;
  readonly matches?: (input: JsonObject) => boolean;
  readonly error: ServiceError;
  /** How many calls fail; every one without it. */
  readonly times?: number;
}

/** Failures that tests order: calls that match fail as the service itself would fail them. */
export class InjectedFaults {
  readonly #remaining = new Map<InjectedFault, number>();

  /** From now on, until it has happened as often as ordered or the order is disposed of. */
  inject(fault: InjectedFault): Disposable {
    this.#remaining.set(fault, fault.times ?? Number.POSITIVE_INFINITY);
    return { [Symbol.dispose]: () => void this.#remaining.delete(fault) };
  }

  /** @throws ServiceError where a fault is ordered for the call. */
  check(service: string, operation: string, input: JsonObject): void {
    for (const [fault, remaining] of this.#remaining) {
      if (fault.service !== service || fault.operation !== operation) continue;
      if (fault.matches?.(input) === false) continue;
      if (remaining <= 1) this.#remaining.delete(fault);
      else this.#remaining.set(fault, remaining - 1);
      throw fault.error;
    }
  }
}
