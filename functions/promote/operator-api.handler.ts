import { apiHandler } from '../runtime/api-handler.ts';
import { createOperatorApi } from './create-operator-api.ts';
import { answerOperator } from './operator-api.ts';

const api = createOperatorApi();

export const handler = apiHandler((request) => answerOperator(request, api));
