import type { ModelSpec } from '../contracts/model-spec.ts';
import { RouteTable } from '../promote/route-table.ts';
import { apiHandler } from '../runtime/api-handler.ts';
import { readAsset } from '../runtime/asset.ts';
import { documentClient } from '../runtime/clients.ts';
import { parseEnv } from '../runtime/parse-env.ts';
import { answerCatalog } from './catalog.ts';
import { CatalogEnv } from './env.ts';

const env = parseEnv(CatalogEnv);
const catalog = {
  // Checked when they were synthesized.
  specs: readAsset('specs.json') as readonly ModelSpec[],
  routes: new RouteTable(documentClient(), env.ROUTE_TABLE),
};

export const handler = apiHandler((request) => answerCatalog(request, catalog));
