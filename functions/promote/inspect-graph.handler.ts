import middy from '@middy/core';
import * as ort from 'onnxruntime-node';
import * as z from 'zod/mini';
import type { GraphInspection } from './graph-inspection.ts';
import { inspectGraph } from './inspect-graph.ts';

const Event = z.object({ url: z.url() });

/** Opens one upload, named by a presigned URL: this function's role may read nothing by itself. */
export const handler = middy().handler(async (event: unknown): Promise<GraphInspection> => {
  const { url } = Event.parse(event);
  const response = await fetch(url);
  if (!response.ok) throw new Error(`the upload could not be read: HTTP ${response.status}`);
  return inspectGraph(new Uint8Array(await response.arrayBuffer()), ort);
});
