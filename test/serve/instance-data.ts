import * as fc from 'fast-check';
import type { Feature } from '../../functions/contracts/feature.ts';

const OFFSETS = ['Z', '+00:00', '+05:30', '-08:00'];

const timestamp = fc
  .tuple(
    fc.date({
      min: new Date('1900-01-01T00:00:00Z'),
      max: new Date('2100-01-01T00:00:00Z'),
      noInvalidDate: true,
    }),
    fc.constantFrom(...OFFSETS),
  )
  .map(([instant, offset]) => instant.toISOString().replace('Z', offset));

function valueOf(feature: Feature): fc.Arbitrary<unknown> {
  switch (feature.kind) {
    case 'number':
      return fc.double({
        min: feature.range.minimum,
        max: feature.range.maximum,
        noNaN: true,
      });
    case 'category':
      return feature.unknown === 'refuse'
        ? fc.constantFrom(...feature.values)
        : fc.oneof(fc.constantFrom(...feature.values), fc.string({ minLength: 1 }));
    case 'boolean':
      return fc.boolean();
    case 'timestamp':
      return timestamp;
    case 'identifier':
      return fc.oneof(fc.string({ minLength: 1, maxLength: 256 }), fc.maxSafeInteger());
    default:
      throw new Error('a kind of feature without an arbitrary');
  }
}

/** Objects that the features allow: optional ones null or absent at times. */
export const instanceOf = (features: readonly Feature[]): fc.Arbitrary<Record<string, unknown>> =>
  fc.record(
    Object.fromEntries(
      features.map((feature) => [
        feature.name,
        feature.required ? valueOf(feature) : fc.option(valueOf(feature)),
      ]),
    ),
    {
      requiredKeys: features.filter(({ required }) => required).map(({ name }) => name),
      noNullPrototype: true,
    },
  );
