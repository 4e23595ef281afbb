import { announcingHandler } from '../runtime/announcing-handler.ts';
import { parseEnv } from '../runtime/parse-env.ts';
import { AnnouncementEnv } from './env.ts';

const { DATASET_TABLE, EVENT_BUS } = parseEnv(AnnouncementEnv);

/** Pointers were moved, and nobody has heard of it. */
export const handler = announcingHandler(DATASET_TABLE, EVENT_BUS);
