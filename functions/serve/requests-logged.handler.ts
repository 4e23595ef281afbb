import middy from '@middy/core';
import { createShadow } from './create-model-server.ts';
import { readLoggedRequests } from './logged-requests.ts';

const shadow = createShadow();

/** One delivery of the serving log: at least once, so a request may be shadowed twice. */
export const handler = middy().handler(async (event: unknown): Promise<void> => {
  const { predictions, incomplete } = readLoggedRequests(event);
  shadow.skipIncomplete(incomplete);
  for (const line of predictions) if (line.isShadowed) await shadow.run(line);
});
