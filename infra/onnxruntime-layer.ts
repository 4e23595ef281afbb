import { Architecture, Code, LayerVersion, Runtime } from 'aws-cdk-lib/aws-lambda';
import { RemovalPolicy, type Stack } from 'aws-cdk-lib/core';
import { buildOnnxRuntimeLayer, type LayerArchitecture } from '../layers/onnxruntime/build.ts';

export const ARCHITECTURES: Readonly<Record<LayerArchitecture, Architecture>> = {
  x86_64: Architecture.X86_64,
  arm64: Architecture.ARM_64,
};

/** ONNX Runtime for one architecture: one layer a stack, shared by every function of it. */
export function onnxRuntimeLayer(stack: Stack, architecture: LayerArchitecture): LayerVersion {
  const id = `OnnxRuntime${architecture === 'arm64' ? 'Arm64' : 'X8664'}`;
  const existing = stack.node.tryFindChild(id);
  if (existing instanceof LayerVersion) return existing;
  return new LayerVersion(stack, id, {
    description: `onnxruntime-node for ${architecture}`,
    code: Code.fromAsset(buildOnnxRuntimeLayer(architecture)),
    compatibleRuntimes: [Runtime.NODEJS_24_X],
    compatibleArchitectures: [ARCHITECTURES[architecture]],
    // Functions of an earlier deployment keep using theirs while CloudFormation replaces them.
    removalPolicy: RemovalPolicy.RETAIN,
  });
}
