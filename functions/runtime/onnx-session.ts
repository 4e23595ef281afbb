import { InferenceSession } from 'onnxruntime-node';

/** A Lambda function has one vCPU at this memory, and the others in proportion. */
const MEMORY_OF_ONE_CPU_MB = 1769;

/** @param path of a verified graph. @param memoryMb of the function; threads follow its vCPUs. */
export const openSession = (path: string, memoryMb: number): Promise<InferenceSession> =>
  InferenceSession.create(path, {
    // Unset, the pool is sized to the host and fights for the function's share of it.
    intraOpNumThreads: Math.max(1, Math.floor(memoryMb / MEMORY_OF_ONE_CPU_MB)),
    interOpNumThreads: 1,
    executionMode: 'sequential',
  });
