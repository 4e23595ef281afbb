import type { Clock } from '../clock.ts';
import { type Emulator, type Place, ServiceError } from './emulator.ts';

export type Container = (
  model: { readonly name: string; readonly image: string; readonly modelDataUrl: string; readonly environment: Readonly<Record<string, string>> },
  request: { readonly body: Buffer; readonly contentType: string },
) => Promise<{ readonly status: number; readonly body: Buffer; readonly contentType: string }>;
export function createSageMaker(_: { folder: string; place: Place; clock: Clock; container: Container }): Emulator {
  return { signingName: 'sagemaker', types: {}, start: async () => {}, stop: async () => {}, handle: async () => { throw new ServiceError(501, 'NotImplemented', 'not yet'); } };
}
