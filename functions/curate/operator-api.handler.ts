import { apiHandler } from '../runtime/api-handler.ts';
import { createDatasetApi } from './create-dataset-api.ts';
import { answerDatasets } from './dataset-api.ts';

const api = createDatasetApi();

export const handler = apiHandler((request) => answerDatasets(request, api));
