/** Whom an alarm on an objective is about: the model, one arm of it, or that there is nothing to judge. */
export type AlarmSubject = 'model' | 'champion' | 'challenger' | 'silent';

/** All alarms on the objectives of a model. */
export const objectiveAlarmPrefix = (stage: string, model: string): string =>
  `slipway-${stage}-${model}-objective-`;

/** Known when it is synthesized, so that promotions can ask for an alarm by its name. */
export const objectiveAlarmName = (
  stage: string,
  model: string,
  metric: string,
  subject: AlarmSubject,
): string =>
  `${objectiveAlarmPrefix(stage, model)}${metric}${subject === 'model' ? '' : `-${subject}`}`;
