import { isRecord, type JsonObject } from './json.ts';

/** Makes what a target gets out of an event. */
export type TargetInput = (event: JsonObject, context: InputContext) => string;

/** Values that transformers may name in reserved words. */
export interface InputContext {
  readonly ruleArn: string;
  readonly ruleName: string;
  readonly ingestionTime: string;
}

/** `$`, `$.detail.model`, `$.detail.items[0].name`. */
const PATH = /^\$(?:\.[\w-]+|\[\d+\])*$/;

/**
 * Input, InputPath or InputTransformer of a target; the whole event without one.
 * @throws TypeError for a path that is not understood.
 */
export function compileTargetInput(target: JsonObject): TargetInput {
  const { Input: constant, InputPath: path, InputTransformer: transformer } = target;
  if (typeof constant === 'string') return () => constant;
  if (typeof path === 'string') {
    const read = compilePath(path);
    return (event) => JSON.stringify(read(event) ?? null);
  }
  return isRecord(transformer) ? compileTransformer(transformer) : (event) => JSON.stringify(event);
}

export function compilePath(path: string): (event: JsonObject) => unknown {
  if (!PATH.test(path)) throw new TypeError(`the path ${path} is not understood`);
  const steps = [...path.matchAll(/\.([\w-]+)|\[(\d+)\]/g)];
  return (event) =>
    steps.reduce<unknown>((value, [, name, index]) => {
      if (index !== undefined) return Array.isArray(value) ? value[Number(index)] : undefined;
      return isRecord(value) ? value[name ?? ''] : undefined;
    }, event);
}

/** A template that is JSON with `<names>` in it: quoted they are text, bare they are JSON values. */
function compileTransformer(transformer: JsonObject): TargetInput {
  const paths = isRecord(transformer['InputPathsMap']) ? transformer['InputPathsMap'] : {};
  const readers = new Map(
    Object.entries(paths).map(([name, path]) => [name, compilePath(String(path))]),
  );
  const template = String(transformer['InputTemplate']);
  return (event, context) => {
    const valueOf = (name: string): unknown => {
      switch (name) {
        case 'aws.events.event.json':
        case 'aws.events.event':
          return event;
        case 'aws.events.rule-arn':
          return context.ruleArn;
        case 'aws.events.rule-name':
          return context.ruleName;
        case 'aws.events.event.ingestion-time':
          return context.ingestionTime;
        default:
          return readers.get(name)?.(event);
      }
    };
    let isInText = false;
    return template.replaceAll(/\\.|"|<([\w.-]+)>/g, (match, name: string | undefined) => {
      if (match === '"') isInText = !isInText;
      if (name === undefined) return match;
      const value = valueOf(name);
      if (!isInText) return JSON.stringify(value ?? '');
      const text = typeof value === 'string' ? value : JSON.stringify(value ?? '');
      return JSON.stringify(text).slice(1, -1);
    });
  };
}
