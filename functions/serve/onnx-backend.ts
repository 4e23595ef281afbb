import { type InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { openSession } from '../runtime/onnx-session.ts';
import type { Backend } from './backend.ts';
import { ModelMisbehaved } from './fault.ts';
import { datatypeOf, onnxTypeOf, type Tensor } from './tensor.ts';

/** A graph opened in this process. */
export class OnnxBackend implements Backend {
  readonly #session: InferenceSession;

  private constructor(session: InferenceSession) {
    this.#session = session;
  }

  /** @param path of a verified artifact. @param memoryMb of the function; threads follow its vCPUs. */
  static async open(path: string, memoryMb: number): Promise<OnnxBackend> {
    return new OnnxBackend(await openSession(path, memoryMb));
  }

  async run(inputs: readonly Tensor[]): Promise<readonly Tensor[]> {
    const feeds: Record<string, OrtTensor> = {};
    for (const input of inputs) feeds[input.name] = toOrt(input);
    const answers = await this.#session.run(feeds);
    return this.#session.outputNames.map((name) => fromOrt(name, answers[name]));
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

const toOrt = ({ datatype, data, shape }: Tensor): OrtTensor =>
  new OrtTensor(onnxTypeOf(datatype), data, shape);

function fromOrt(name: string, tensor: OrtTensor | undefined): Tensor {
  const datatype = tensor && datatypeOf(tensor.type);
  if (!tensor || !datatype)
    throw new ModelMisbehaved(`output "${name}" is ${tensor?.type ?? 'missing'}`);
  return { name, datatype, shape: [...tensor.dims], data: tensor.data };
}
