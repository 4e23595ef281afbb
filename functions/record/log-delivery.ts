import type * as z from 'zod/mini';
import {
  FailureLine,
  joinParts,
  LinePart,
  PredictionLine,
  ShadowLine,
} from '../contracts/prediction-line.ts';
import { explainIssues } from '../contracts/strict-object.ts';

/** One thing to record, with the log messages it came in: what is tried again if it fails. */
export type LoggedItem = { readonly messages: readonly string[] } & (
  | { readonly kind: 'prediction'; readonly line: PredictionLine }
  | { readonly kind: 'failure'; readonly line: FailureLine }
  | { readonly kind: 'shadow'; readonly line: ShadowLine }
  /** Of a line whose other parts are in other deliveries. */
  | { readonly kind: 'part'; readonly part: LinePart }
  /** Not what it claims to be; nothing here can mend it. */
  | { readonly kind: 'poison'; readonly reason: string }
);

const LINES = {
  prediction: PredictionLine,
  failure: FailureLine,
  shadow: ShadowLine,
  part: LinePart,
} as const;

/** What is in the messages of a delivery; lines of other kinds are passed over. */
export function readLoggedItems(messages: readonly string[]): readonly LoggedItem[] {
  const items = messages.flatMap((message) => readMessage(message) ?? []);
  const parts = items.filter((item) => item.kind === 'part');
  if (parts.length === 0) return items;
  const lines = [...Map.groupBy(parts, ({ part }) => part.id).values()].flatMap((ofLine) => {
    const text = joinParts(ofLine.map(({ part }) => part));
    if (text === undefined) return ofLine;
    return readJoined(
      text,
      ofLine.flatMap((each) => each.messages),
    );
  });
  return [...items.filter(({ kind }) => kind !== 'part'), ...lines];
}

/** A line that was put together from parts. */
export function readJoined(text: string, messages: readonly string[]): LoggedItem {
  const read = readMessage(text);
  if (read?.kind === 'prediction') return { ...read, messages };
  const reason = read?.kind === 'poison' ? read.reason : 'the parts make no prediction';
  return { kind: 'poison', reason, messages };
}

function readMessage(message: string): LoggedItem | undefined {
  const messages = [message];
  const value = parseJson(message);
  if (value === undefined) return { kind: 'poison', reason: 'no JSON object', messages };
  const kind = value['kind'];
  switch (kind) {
    case 'prediction':
    case 'failure':
    case 'shadow': {
      const parsed = LINES[kind].safeParse(value);
      if (!parsed.success) return poison(kind, parsed.error, messages);
      return { kind, line: parsed.data, messages } as LoggedItem;
    }
    case 'part': {
      const parsed = LINES.part.safeParse(value);
      if (!parsed.success) return poison(kind, parsed.error, messages);
      return { kind, part: parsed.data, messages };
    }
    default:
      return undefined;
  }
}

const poison = (
  kind: string,
  error: z.core.$ZodError,
  messages: readonly string[],
): LoggedItem => ({
  kind: 'poison',
  reason: `no ${kind}: ${explainIssues(error.issues).join('; ')}`,
  messages,
});

function parseJson(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    // What is no JSON is the answer here, not a failure.
    return undefined;
  }
}
