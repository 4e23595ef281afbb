import * as z from 'zod/mini';
import { strictObject } from './strict-object.ts';

/** What a column takes from a timestamp: hours [0, 24) with fraction, Monday = 0, days since 1970. */
export const TimestampPart = z.enum(['hour-of-day', 'day-of-week', 'days-since-epoch']);
export type TimestampPart = z.infer<typeof TimestampPart>;

/** A feature by name, or one part of a timestamp feature. */
const Column = z.union([z.string(), strictObject({ feature: z.string(), part: TimestampPart })]);

const TensorName = z.string().check(z.regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/));

/** Shape [-1, columns.length]: one row an instance. Numbers, booleans and timestamps are FP32, categories BYTES. */
const InputTensor = strictObject({
  name: TensorName,
  datatype: z.enum(['FP32', 'BYTES']),
  columns: z.array(Column).check(z.minLength(1)),
});

/** Shape [-1, columns.length]; each column has a name that `predict` answers with. */
const OutputTensor = strictObject({
  name: TensorName,
  datatype: z.enum(['FP32', 'INT64']),
  columns: z.array(z.string().check(z.regex(/^[a-zA-Z][a-zA-Z0-9]{0,39}$/))).check(z.minLength(1)),
});

/** How features become ONNX tensors and ONNX tensors become answers. */
export const Signature = strictObject({
  inputs: z.array(InputTensor).check(z.minLength(1), z.maxLength(16)),
  outputs: z.array(OutputTensor).check(z.minLength(1), z.maxLength(16)),
});
export type Signature = z.infer<typeof Signature>;
