import { RequestRefused } from '../../functions/serve/fault.ts';

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly error: string;
  readonly details: readonly string[];
}

/** What a reader refused with. Anything else it throws, or no throw at all, fails the test. */
export function refusalOf(read: () => unknown): Refusal {
  try {
    read();
  } catch (thrown) {
    if (thrown instanceof RequestRefused) return { status: thrown.status, ...thrown.toBody() };
    throw thrown;
  }
  throw new Error('expected the request to be refused, but it was read');
}

/** Whether it was read; refusal is the only other way out. */
export function isReadOrRefused(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (thrown) {
    if (thrown instanceof RequestRefused) return false;
    throw thrown;
  }
}
