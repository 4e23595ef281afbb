import type { ApiRequest } from '../../functions/runtime/api-handler.ts';

/** A request of a caller with a JSON body, as the handlers of a path see it. */
export const posted = (path: string, body: object): ApiRequest => ({
  method: 'POST',
  path: path.split('/'),
  query: {},
  headers: {},
  caller: 'key',
  body: Buffer.from(JSON.stringify(body)),
});
