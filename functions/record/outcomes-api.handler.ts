import { apiHandler } from '../runtime/api-handler.ts';
import { createOutcomesApi } from './create-recorder.ts';
import { answerOutcomes } from './outcomes-api.ts';

const api = createOutcomesApi();

export const handler = apiHandler((request) => answerOutcomes(request, api));
