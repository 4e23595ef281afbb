import middy from '@middy/core';
import { DATASET_EVENTS, PointerMoved } from '../contracts/dataset-events.ts';
import { busEventOf } from '../contracts/event-bus.ts';
import { createEvaluator } from './create-evaluator.ts';
import { reBaseline } from './re-baseline.ts';

const evaluator = createEvaluator();

const Event = busEventOf(DATASET_EVENTS.pointerMoved, PointerMoved);

/** The rule lets moves of the validation pointer through only. */
export const handler = middy().handler(async (event: unknown) =>
  reBaseline(Event.parse(event).detail, evaluator),
);
