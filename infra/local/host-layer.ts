import { buildOnnxRuntimeLayer } from '../../layers/onnxruntime/build.ts';
import type { Resource } from './emulators/emulator.ts';

const HOST = process.arch === 'arm64' ? 'arm64' : 'x86_64';

/**
 * The folder of a layer for this machine. A layer of another architecture is replaced by the same package
 * for this one: its binaries cannot run here.
 */
export function layerFolderFor(layer: Resource, assetFolder: string): string {
  const architectures = layer.properties['CompatibleArchitectures'];
  const isForHost =
    process.platform === 'linux' && (!Array.isArray(architectures) || architectures.includes(HOST));
  return isForHost ? assetFolder : buildOnnxRuntimeLayer(HOST, process.platform);
}
