import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';

/** Where the emulated account is: every ARN made here uses these. */
export interface Place {
  readonly account: string;
  readonly region: string;
}

/** A resource of the template whose intrinsics are not resolved yet. */
export interface DeclaredResource {
  readonly stack: string;
  readonly logicalId: string;
  /** `Stack/Construct/Path`, from the template's metadata; for messages. */
  readonly path: string;
  readonly type: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** What CloudFormation's `Ref` and `Fn::GetAtt` give for a resource. */
export interface Identity {
  readonly ref: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** A resource whose properties hold plain values only. */
export interface Resource extends DeclaredResource, Identity {}

/** What an emulator says of one CloudFormation type. */
export interface EmulatedType {
  /**
   * Names the resource. Must not depend on resolved properties, because other resources' properties
   * are resolved with its answer; a literal name given in the template is honoured.
   */
  identify(resource: DeclaredResource, place: Place): Identity;
  /** Properties that change how the emulator behaves. */
  readonly honoured: readonly string[];
  /** Properties that change nothing on one machine, each with the reason. */
  readonly inert: Readonly<Record<string, string>>;
}

export type Principal =
  | { readonly kind: 'role'; readonly arn: string; readonly sessionName: string }
  | { readonly kind: 'user'; readonly arn: string }
  | { readonly kind: 'service'; readonly service: string };

/** One call to an emulated service, its signature already verified. */
export interface Call {
  readonly principal: Principal;
  readonly method: string;
  /** Percent-encoded as received, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  /** The request's body, unread. Calls to S3 stream; the others read it with `readBody`. */
  readonly body: Readable;
  /**
   * Throws `ServiceError` (403, AccessDeniedException) that names principal, action and resource
   * unless the identity and resource policies of the template allow the action.
   */
  authorize(
    action: string,
    resourceArn: string,
    context?: Readonly<Record<string, string | readonly string[]>>,
  ): void;
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer | Readable;
}

/** An AWS service on this machine. A further service is one more file that makes one of these. */
export interface Emulator {
  /** The service in a SigV4 credential scope: `dynamodb`, `s3`, `sqs`. */
  readonly signingName: string;
  readonly types: Readonly<Record<string, EmulatedType>>;
  /** Makes the template's resources exist, over whatever state an earlier run left. */
  start(resources: readonly Resource[]): Promise<void>;
  handle(call: Call): Promise<Reply>;
  /** Puts a failure in the wire form of the service; without it the front answers in AWS JSON. */
  renderError?(error: ServiceError, request: { path: string; requestId: string }): Reply;
  stop(): Promise<void>;
}

/** A failure in the words of the AWS service; the wire form is the protocol's business. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly status: number;
  readonly code: string;
  /** Members beside `message` in the error's body. */
  readonly members: Readonly<Record<string, unknown>>;

  constructor(
    status: number,
    code: string,
    message: string,
    members: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.members = members;
  }
}
