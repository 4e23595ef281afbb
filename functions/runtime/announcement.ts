import type { FunctionStarter } from './function-starter.ts';
import { describeError, log } from './log.ts';

/** Has what was written of a model told soon, by a function of its own; nothing is lost where that fails. */
export type Announce = (model: string) => Promise<void>;

/** Whoever has written a fact goes on without the bus: what cannot be started now comes on its schedule. */
export const announcingBy =
  (starter: Pick<FunctionStarter, 'start'>): Announce =>
  async (model) => {
    try {
      await starter.start({ model });
    } catch (error) {
      log({ kind: 'announcement-delayed', model, ...describeError(error) });
    }
  };
