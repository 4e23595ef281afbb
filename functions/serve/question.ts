import type { Arm } from '../contracts/prediction-line.ts';
import type { ApiReply } from '../runtime/api-handler.ts';
import type { Hash, LoggedQuestion } from './logged-question.ts';
import type { Tensor } from './tensor.ts';

/** What an answer says of itself, whatever the shape of the answer. */
export interface Answered {
  readonly predictionId: string;
  readonly model: string;
  readonly version: string;
  readonly arm: Arm;
}

/** A request that was read and checked: the same to the model whichever API it came by. */
export interface Question {
  /** The caller's own id of the request. */
  readonly requestId: string | undefined;
  readonly unit: string | undefined;
  readonly rows: number;
  readonly inputs: readonly Tensor[];
  logged(hash: Hash): LoggedQuestion;
  /** @throws ModelMisbehaved when the outputs are not what the signature announces. */
  reply(outputs: readonly Tensor[], answered: Answered): ApiReply;
}
