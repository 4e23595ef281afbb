/** Between the runner and one execution environment. Payloads are JSON text, as Lambda passes them. */
export interface Invoke {
  readonly type: 'invoke';
  readonly requestId: string;
  readonly payload: string;
  readonly functionArn: string;
  /** Real epoch milliseconds at which the environment is killed. */
  readonly deadlineMs: number;
  /** What the environment's clock adds to real time. */
  readonly clockOffsetMs: number;
}

export interface FunctionFailure {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace?: readonly string[];
}

export type FromEnvironment =
  | { readonly type: 'ready' }
  | { readonly type: 'init-failed'; readonly failure: FunctionFailure }
  | { readonly type: 'answered'; readonly requestId: string; readonly payload: string }
  | { readonly type: 'threw'; readonly requestId: string; readonly failure: FunctionFailure };

/**
 * Written to standard output after an invocation: what comes before it belongs to the invocation, so no
 * line is lost or attributed to the next one although log and answer travel apart.
 */
export const endOfInvocation = (requestId: string): string => `\u0000end ${requestId}`;
