import * as z from 'zod/mini';

/** An input or output as the runtime that opened the graph sees it. -1: any size. */
const GraphTensor = z.object({
  name: z.string(),
  /** ONNX Runtime's words: `float32`, `string`, `int64`, … */
  type: z.string(),
  shape: z.array(z.int()),
});
export type GraphTensor = z.infer<typeof GraphTensor>;

/** What was found when an uploaded file was opened. */
export const GraphInspection = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('opened'),
    digest: z.string(),
    sizeBytes: z.int(),
    metadata: z.record(z.string(), z.string()),
    opsets: z.array(z.object({ domain: z.string(), version: z.int() })),
    inputs: z.array(GraphTensor),
    outputs: z.array(GraphTensor),
  }),
  z.object({ kind: z.literal('refused'), reasons: z.array(z.string()) }),
]);
export type GraphInspection = z.infer<typeof GraphInspection>;
