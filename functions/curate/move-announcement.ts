import { DATASET_EVENTS } from '../contracts/dataset-events.ts';
import type { EventPublisher } from '../runtime/event-publisher.ts';
import type { PointerTable } from './pointer-table.ts';

/**
 * Tells the bus of the moves it was not told of yet. Each was written together with its move and is forgotten
 * only after it was told, so a move is announced at least once, whoever dies in between.
 */
export async function announceMoves(
  model: string,
  {
    pointers,
    events,
  }: {
    readonly pointers: Pick<PointerTable, 'unannounced' | 'forget'>;
    readonly events: Pick<EventPublisher, 'publish'>;
  },
): Promise<void> {
  const moves = await pointers.unannounced(model);
  await events.publish(moves.map((detail) => ({ type: DATASET_EVENTS.pointerMoved, detail })));
  for (const move of moves) await pointers.forget(move);
}
