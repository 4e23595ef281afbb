import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import { inferencePaths, inferenceSchemas } from './openapi-inference.ts';
import { modelPaths, modelSchemas } from './openapi-models.ts';
import { operatorPaths, operatorSchemas } from './openapi-operators.ts';
import { type JsonObject, objectOf, pathParameter, refusalComponents } from './openapi-parts.ts';
import { recordPaths, recordSchemas } from './openapi-records.ts';

const ERROR = objectOf({
  error: { type: 'string', description: 'What is wrong, for a person.' },
  code: { type: 'string', description: 'The same for a program.', examples: ['BAD_REQUEST'] },
  details: {
    type: 'array',
    maxItems: LIMITS.faultsListed,
    items: { type: 'string' },
    description: 'Each offending field with its path.',
    examples: [['instances[3].weightKg: expected a number, got text']],
  },
});

const SECURITY_SCHEMES: JsonObject = {
  apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key', description: 'Callers.' },
  sigv4: {
    type: 'apiKey',
    in: 'header',
    name: 'Authorization',
    description: 'Operators: AWS Signature Version 4 for the service execute-api.',
    'x-amazon-apigateway-authtype': 'awsSigv4',
  },
};

const REPETITION =
  'Every write may be repeated when its answer got lost: an outcome is known by its prediction, row or item and observedAt, a version and a dataset by their digests, an import by its upload, a change of a route or pointer by the epoch it expected. A snapshot, where nothing of that kind tells, takes an Idempotency-Key. Opening an upload twice leaves a second one, which goes by itself.';

const merged = (parts: readonly Readonly<Record<string, JsonObject>>[]): JsonObject =>
  Object.fromEntries(parts.flatMap((part) => Object.entries(part)));

/**
 * OpenAPI 3.1 of the whole API: the protocol's paths, one named-feature path a model with its features as
 * they are in the spec, and the operators' paths.
 * @param serverUrl with the stage in it; relative to the document when absent.
 */
export function openApiDocument(specs: readonly ModelSpec[], serverUrl = '.'): JsonObject {
  const model = pathParameter('model', { type: 'string', enum: specs.map(({ name }) => name) });
  return {
    openapi: '3.1.0',
    info: {
      title: 'Slipway',
      version: '1',
      description: `${specs.map(({ name, description }) => `- **${name}**: ${description}`).join('\n')}\n\n${REPETITION}`,
    },
    servers: [{ url: serverUrl }],
    paths: merged([
      ...specs.map(modelPaths),
      inferencePaths(model, specs),
      recordPaths(),
      operatorPaths(model),
    ]),
    components: {
      schemas: merged([
        { Error: ERROR },
        ...specs.map(modelSchemas),
        inferenceSchemas(),
        recordSchemas(),
        operatorSchemas(),
      ]),
      responses: refusalComponents,
      securitySchemes: SECURITY_SCHEMES,
    },
  };
}
