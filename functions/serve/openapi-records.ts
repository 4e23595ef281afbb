import * as z from 'zod/mini';
import { LIMITS } from '../contracts/limits.ts';
import { OUTCOME_REFUSALS, OUTCOME_STATUSES, ReportedOutcome } from '../contracts/outcome.ts';
import {
  AT_THE_DOOR,
  type JsonObject,
  jsonContent,
  objectOf,
  pathParameter,
  ref,
  responsesOf,
} from './openapi-parts.ts';

const predictionId = '6f1f5c1e-6f0b-4a53-9d2b-0d4c2f6f6a11';

/** `POST /v1/outcomes` for callers, and `/v1/records` for operators. */
export const recordPaths = (): Record<string, JsonObject> => ({
  '/v1/outcomes': {
    post: {
      operationId: 'reportOutcomes',
      tags: ['outcomes'],
      summary:
        'Report what became of predictions: in any order, before or after they are recorded, and again.',
      security: [{ apiKey: [] }],
      requestBody: {
        required: true,
        content: jsonContent(ref('OutcomeList'), [
          { predictionId, outcome: 34, observedAt: '2026-11-23T19:04:00Z' },
        ]),
      },
      responses: {
        ...responsesOf(
          [200, 'What became of each, in its order; also where some were refused.'],
          jsonContent(ref('OutcomeResults')),
          [400, ...AT_THE_DOOR],
        ),
        503: {
          description: 'Some could not be written: send all of them again.',
          content: jsonContent(ref('OutcomesUnwritten')),
        },
      },
    },
  },
  '/v1/records/{predictionId}': {
    get: {
      operationId: 'showRecord',
      tags: ['operators'],
      summary: 'Show a prediction with its outcomes and scores, as far as they are known.',
      security: [{ sigv4: [] }],
      parameters: [pathParameter('predictionId', { type: 'string' })],
      responses: responsesOf([200, 'What is known.'], jsonContent(ref('Record')), [...AT_THE_DOOR]),
    },
  },
  '/v1/records/redrive': {
    post: {
      operationId: 'redriveRecords',
      tags: ['operators'],
      summary: 'Try again what could not be recorded.',
      security: [{ sigv4: [] }],
      requestBody: {
        required: true,
        content: jsonContent(ref('RedriveRequest'), { from: 'parked' }),
      },
      responses: responsesOf([200, 'What was moved.'], jsonContent(ref('Redriven')), [
        400,
        ...AT_THE_DOOR,
      ]),
    },
  },
});

const from: JsonObject = {
  type: 'string',
  enum: ['deliveries', 'parked'],
  description:
    '`deliveries`: whole deliveries of the log; `parked`: single items, and poison lines.',
};

const list = (items: JsonObject, maxItems?: number): JsonObject => ({
  type: 'array',
  items,
  ...(maxItems !== undefined && { minItems: 1, maxItems }),
});

const resultProperties: Record<string, JsonObject> = {
  predictionId: { type: 'string' },
  row: { type: 'integer' },
  item: { type: ['string', 'integer'] },
  status: { type: 'string', enum: [...OUTCOME_STATUSES] },
  code: { type: 'string', enum: [...OUTCOME_REFUSALS, 'TRY_AGAIN'] },
  error: { type: 'string' },
};

const results = list(ref('OutcomeResult'), LIMITS.outcomesPerRequest);

export const recordSchemas = (): Record<string, JsonObject> => ({
  Outcome: outcomeSchema(),
  OutcomeList: list(ref('Outcome'), LIMITS.outcomesPerRequest),
  OutcomeResult: objectOf(resultProperties, ['predictionId', 'row', 'item', 'code', 'error']),
  OutcomeResults: objectOf({ results }),
  OutcomesUnwritten: objectOf({
    error: { type: 'string' },
    code: { type: 'string', const: 'TRY_AGAIN' },
    details: list({ type: 'string' }),
    results,
  }),
  Record: objectOf({
    predictionId: { type: 'string' },
    prediction: { type: ['object', 'null'] },
    outcomes: list({ type: 'object' }),
    scores: list({ type: 'object' }),
    isMatured: { type: 'boolean', description: 'Whether silence has got its meaning.' },
    partsWaiting: { type: 'integer' },
  }),
  RedriveRequest: objectOf(
    { from, limit: { type: 'integer', minimum: 1, maximum: LIMITS.redriveMessages } },
    ['limit'],
  ),
  Redriven: objectOf({ from, moved: { type: 'integer' } }),
});

function outcomeSchema(): JsonObject {
  const { $schema: _, ...schema } = z.toJSONSchema(ReportedOutcome, {
    override: ({ jsonSchema }) => {
      if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
    },
  });
  return JSON.parse(JSON.stringify(schema));
}
