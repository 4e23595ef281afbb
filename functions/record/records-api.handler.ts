import { apiHandler } from '../runtime/api-handler.ts';
import { createRecordsApi } from './create-records-api.ts';
import { answerRecords } from './records-api.ts';

const api = createRecordsApi();

export const handler = apiHandler((request) => answerRecords(request, api));
