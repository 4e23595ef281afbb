import type { RunningStack } from './running-stack.ts';

/** A fact that the bus heard. */
interface Told<Detail> {
  readonly type: string;
  readonly detail: Detail;
}

/** Facts are told at least once: here each is once, in the order in which the bus first heard them. */
export async function told(stack: RunningStack): Promise<Told<Record<string, unknown>>[]> {
  const facts = new Map<string, Told<Record<string, unknown>>>();
  for await (const { 'detail-type': type, detail } of stack.events.archived('slipway-main')) {
    const key = `${type} ${JSON.stringify(detail)}`;
    if (!facts.has(key)) facts.set(key, { type, detail });
  }
  return [...facts.values()];
}

/** Details of the facts of one type. */
export async function toldOf<Detail>(stack: RunningStack, type: string): Promise<Detail[]> {
  const facts = await told(stack);
  return facts.flatMap((fact) => (fact.type === type ? [fact.detail as Detail] : []));
}
