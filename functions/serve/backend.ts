import type { Tensor } from './tensor.ts';

/** Something that answers for one version: a graph opened here, or an endpoint. */
export interface Backend {
  /** @returns every output of the signature. @throws when the version fails at this input. */
  run(inputs: readonly Tensor[]): Promise<readonly Tensor[]>;
  /** Frees what the backend holds; it is not used again. */
  release(): Promise<void>;
}
