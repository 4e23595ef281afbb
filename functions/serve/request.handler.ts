import { apiHandler } from '../runtime/api-handler.ts';
import { createModelServer } from './create-model-server.ts';

const server = createModelServer();

export const handler = apiHandler((request) => server.answer(request));
