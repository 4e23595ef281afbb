import { announcingHandler } from '../runtime/announcing-handler.ts';
import { parseEnv } from '../runtime/parse-env.ts';
import { AnnouncementEnv } from './env.ts';

const { PROMOTION_TABLE, EVENT_BUS } = parseEnv(AnnouncementEnv);

/** Promotions and routes have changed, and nobody has heard of it. */
export const handler = announcingHandler(PROMOTION_TABLE, EVENT_BUS);
