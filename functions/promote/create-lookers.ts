import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { UnitTable } from '../record/unit-table.ts';
import { documentClient } from '../runtime/clients.ts';
import { parseEnv } from '../runtime/parse-env.ts';
import { AlarmStore } from './alarm-store.ts';
import { createPromotionContext } from './create-promotion-context.ts';
import { LookEnv } from './env.ts';
import type { Lookers } from './looking.ts';
import { UnitReader } from './unit-reader.ts';

/** What looks at a promotion, wired to this function's environment. */
export function createLookers(): Lookers {
  const env = parseEnv(LookEnv);
  const context = createPromotionContext(env);
  const units = new UnitReader(new UnitTable(documentClient(), env.UNIT_TABLE));
  const alarms = new AlarmStore(new CloudWatchClient({}), env.STAGE, context.clock);
  return {
    ...context,
    units,
    alarms: (model) => alarms.ringing(model),
    frozen: (model, name, make) => context.promotions.frozen(model, name, make),
    comparisons: (promotion, hour, take) => units.comparisons(promotion, hour, take),
  };
}
