import type { Arm } from '../contracts/prediction-line.ts';
import type { ApiReply } from '../runtime/api-handler.ts';
import type { Hash, LoggedQuestion } from './logged-question.ts';
import type { RandomAcceptance } from './random-acceptance.ts';
import type { Tensor } from './tensor.ts';

/** What an answer says of itself, whatever the shape of the answer. */
export interface Answered {
  readonly predictionId: string;
  readonly model: string;
  readonly version: string;
  readonly arm: Arm;
}

/** An answer, and what of it the log alone is told. */
export interface Reply {
  readonly reply: ApiReply;
  /** Of each row: the chance that its outcome is seen; absent where every one is. */
  readonly propensities?: readonly number[];
}

/** A request that was read and checked: the same to the model whichever API it came by. */
export interface Question {
  /** The caller's own id of the request. */
  readonly requestId: string | undefined;
  readonly unit: string | undefined;
  readonly rows: number;
  readonly inputs: readonly Tensor[];
  logged(hash: Hash): LoggedQuestion;
  /**
   * @param acceptance which of the declined rows are accepted; of named decisions only.
   * @throws ModelMisbehaved when the outputs are not what the signature announces.
   */
  reply(outputs: readonly Tensor[], answered: Answered, acceptance?: RandomAcceptance): Reply;
}
