import { Instant } from '../contracts/instant.ts';
import { LIMITS } from '../contracts/limits.ts';
import { Hypothesis, Promotion, PromotionPlace } from '../contracts/promotion.ts';
import { VersionNumber } from '../contracts/version.ts';
import type { OperatorPath } from './openapi-operators.ts';
import { type JsonObject, objectOf, pageOf, ref, schemaOf } from './openapi-parts.ts';

const why = { reason: 'Complaints from the north zone.' };

/** What operators may ask of promotions, in the order of one. */
export const PROMOTION_PATHS: readonly OperatorPath[] = [
  {
    method: 'post',
    path: '/v1/promotions/{model}',
    operationId: 'startPromotion',
    summary:
      'Begin to take a version to production by the plan of the model: one at a time, and the same request again is the same promotion.',
    body: {
      schema: 'StartPromotionRequest',
      example: {
        version: '2',
        hypothesis: {
          change: 'Weather of the last hour is a feature.',
          why: 'Errors are largest when it rains.',
          expectedEffect: 'mae falls by 3 %.',
          analysis: 'https://notebooks.example.com/delivery/rain',
        },
        acceptSlow: false,
      },
    },
    success: [201, 'The promotion, as it began.'],
    answer: 'Promotion',
    refusals: [400, 409],
  },
  {
    method: 'get',
    path: '/v1/promotions/{model}',
    operationId: 'listPromotions',
    summary: 'List promotions, the newest first, a page at a time.',
    success: [200, 'A page.'],
    answer: 'PromotionPage',
    refusals: [400],
  },
  {
    method: 'get',
    path: '/v1/promotions/{model}/ideas',
    operationId: 'countIdeas',
    summary: 'Count how the ideas of a quarter turned out, and the share that was good.',
    query: [
      [
        'quarter',
        {
          type: 'string',
          pattern: '^[0-9]{4}-Q[1-4]$',
          description: 'Of UTC; this one if absent.',
        },
      ],
    ],
    success: [200, 'The counts.'],
    answer: 'IdeaCounts',
    refusals: [400],
  },
  {
    method: 'get',
    path: '/v1/promotions/{model}/{promotionId}',
    operationId: 'showPromotion',
    summary: 'Show one promotion: where it stands, or how it ended and why.',
    success: [200, 'The promotion.'],
    answer: 'Promotion',
    refusals: [],
  },
  {
    method: 'get',
    path: '/v1/promotions/{model}/{promotionId}/looks',
    operationId: 'listLooks',
    summary: 'Show every look with its sums, and its verdict derived again from them.',
    success: [200, 'The looks, the oldest first.'],
    answer: 'LookList',
    refusals: [],
  },
  {
    method: 'post',
    path: '/v1/promotions/{model}/{promotionId}/decide',
    operationId: 'decidePromotion',
    summary: 'Approve or refuse a promotion that waits for it.',
    body: {
      schema: 'DecisionRequest',
      example: { approve: true, reason: 'Agreed with the fraud desk.' },
    },
    success: [200, 'The promotion with the decision.'],
    answer: 'Promotion',
    refusals: [400, 409],
  },
  {
    method: 'post',
    path: '/v1/promotions/{model}/{promotionId}/abort',
    operationId: 'abortPromotion',
    summary: 'End a promotion: the champion it began against serves everyone.',
    body: { schema: 'ReasonRequest', example: why },
    success: [200, 'The promotion as it ended; as it had ended, where it had.'],
    answer: 'Promotion',
    refusals: [400],
  },
  {
    method: 'post',
    path: '/v1/promotions/{model}/{promotionId}/override',
    operationId: 'overridePromotion',
    summary: 'Make the version of an inconclusive promotion the champion all the same.',
    body: { schema: 'ReasonRequest', example: { reason: 'Equal, and half as expensive.' } },
    success: [200, 'The route as it is now.'],
    accepted: 'Its endpoint is being made: ask again.',
    answer: 'Route',
    refusals: [400, 409],
  },
  {
    method: 'post',
    path: '/v1/routes/{model}/rollback',
    operationId: 'rollBack',
    summary:
      'Take back what runs; where nothing runs, the champion before serves again. In force within 5 s, and safe to repeat.',
    body: { schema: 'ReasonRequest', example: why },
    success: [200, 'The promotion as it ended, or the route where none ran.'],
    accepted: 'The endpoint of the champion before is being made: ask again.',
    answer: 'RolledBack',
    refusals: [400, 409],
  },
];

const text: JsonObject = { type: 'string', minLength: 1, maxLength: LIMITS.textCharacters };
const count: JsonObject = { type: 'integer', minimum: 0 };

/** Without the token, which opens the machine to whoever has it. */
function promotionSchema(): JsonObject {
  const { properties, ...schema } = schemaOf(Promotion);
  const { approval, ...shown } = properties as Record<string, JsonObject>;
  const { properties: fields, required } = approval as {
    properties: Record<string, JsonObject>;
    required: string[];
  };
  const { token: _token, ...open } = fields;
  const kept = required.filter((name) => name !== 'token');
  return {
    ...schema,
    properties: { ...shown, approval: { ...approval, properties: open, required: kept } },
  };
}

export const promotionSchemas = (): Record<string, JsonObject> => ({
  Promotion: promotionSchema(),
  PromotionPage: pageOf('promotions', 'Promotion'),
  StartPromotionRequest: objectOf(
    {
      version: schemaOf(VersionNumber),
      hypothesis: schemaOf(Hypothesis),
      acceptSlow: {
        type: 'boolean',
        default: false,
        description: 'Begin although the traffic may not give the units that the A/B test needs.',
      },
    },
    ['acceptSlow'],
  ),
  DecisionRequest: objectOf({ approve: { type: 'boolean' }, reason: text }),
  ReasonRequest: objectOf({ reason: text }),
  RolledBack: { oneOf: [ref('Promotion'), ref('Route')] },
  IdeaCounts: objectOf(
    {
      quarter: { type: 'string' },
      good: count,
      bad: count,
      undecided: count,
      running: count,
      goodShare: {
        type: 'number',
        minimum: 0,
        maximum: 1,
        description: 'Good over good and bad; absent while none is decided.',
      },
    },
    ['goodShare'],
  ),
});

export const lookSchemas = (): Record<string, JsonObject> => ({
  LookList: objectOf({ looks: { type: 'array', items: ref('Look') } }),
  Look: {
    type: 'object',
    properties: {
      promotion: { type: 'string' },
      at: schemaOf(Instant),
      place: schemaOf(PromotionPlace),
      plan: { type: 'object', description: 'What was to be tested, fixed before.' },
      evidence: { type: 'object', description: 'All that the verdict rests on: the sums by arm.' },
      judged: {
        type: 'object',
        description: 'By the decision rule alone, with the rule that spoke.',
      },
      verdict: { type: 'string', description: 'What the machine was told.' },
      reason: { type: 'string' },
      again: objectOf({
        verdict: { type: 'string' },
        rule: { type: 'string' },
        agrees: { type: 'boolean', description: 'False where what is kept was tampered with.' },
      }),
    },
    required: ['promotion', 'at', 'place', 'plan', 'evidence', 'judged', 'verdict', 'reason'],
  },
});

/** Path parameters of the paths above. */
export const promotionParameters = (): Record<string, JsonObject> => ({
  promotionId: { type: 'string', pattern: '^[a-z][a-z0-9-]{0,39}-p[1-9][0-9]{0,5}$' },
});
