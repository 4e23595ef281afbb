/** The one shape of errors, which Open Inference Protocol clients read too. */
export interface ApiErrorBody {
  readonly error: string;
  readonly code: string;
  readonly details: readonly string[];
}

/** Refusal of a request, with the status and the words its caller gets. Never carries internals. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly code: string;
  readonly details: readonly string[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: string,
    message: string,
    details: readonly string[] = [],
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = details;
    this.headers = headers;
  }

  toBody(): ApiErrorBody {
    return { error: this.message, code: this.code, details: this.details };
  }
}

/** What a caller learns of a failure that is ours; the log learns the rest. */
export const internalFailure = (): ApiError =>
  new ApiError(
    500,
    'INTERNAL',
    'the request failed here, not because of what you sent; it has been logged',
  );
