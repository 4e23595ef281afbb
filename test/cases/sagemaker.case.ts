import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  DeleteEndpointCommand,
  DeleteEndpointConfigCommand,
  DeleteModelCommand,
  DescribeEndpointCommand,
  SageMakerClient,
} from '@aws-sdk/client-sagemaker';
import {
  InvokeEndpointCommand,
  ModelError,
  SageMakerRuntimeClient,
} from '@aws-sdk/client-sagemaker-runtime';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AwsTarget } from './target.ts';

export interface SageMakerTarget extends AwsTarget {
  /** Answers every body with itself, and `{"fail":<status>}` with that status and the text `broken`. */
  readonly echoImage: string;
  readonly executionRoleArn: string;
  readonly instanceType: 'ml.m5.large';
  /** How long an endpoint may take to start. */
  readonly patienceMs: number;
  /** Lets the time pass that an endpoint takes to start, where it can be made to. */
  readonly passTime?: () => void;
}

/** What Slipway relies on in SageMaker hosting, wherever it runs. */
export function sageMakerCases(name: string, connect: () => Promise<SageMakerTarget>): void {
  describe(`SageMaker: ${name}`, () => {
    const endpoint = `slipway-cases-${Date.now()}`;
    let target: SageMakerTarget;
    let control: SageMakerClient;
    let runtime: SageMakerRuntimeClient;

    beforeAll(async () => {
      target = await connect();
      control = new SageMakerClient(target);
      runtime = new SageMakerRuntimeClient({ ...target, maxAttempts: 1 });
    });
    afterAll(() => {
      control.destroy();
      runtime.destroy();
    });

    const createModel = () =>
      control.send(
        new CreateModelCommand({
          ModelName: endpoint,
          ExecutionRoleArn: target.executionRoleArn,
          PrimaryContainer: { Image: target.echoImage },
        }),
      );
    const createConfig = () =>
      control.send(
        new CreateEndpointConfigCommand({
          EndpointConfigName: endpoint,
          ProductionVariants: [
            {
              VariantName: 'serving',
              ModelName: endpoint,
              InstanceType: target.instanceType,
              InitialInstanceCount: 1,
            },
          ],
        }),
      );
    const createEndpoint = () =>
      control.send(
        new CreateEndpointCommand({ EndpointName: endpoint, EndpointConfigName: endpoint }),
      );
    const status = async () => {
      const described = await control.send(new DescribeEndpointCommand({ EndpointName: endpoint }));
      return described.EndpointStatus;
    };
    const invoke = (body: string) =>
      runtime.send(
        new InvokeEndpointCommand({
          EndpointName: endpoint,
          ContentType: 'application/json',
          Body: Buffer.from(body),
        }),
      );
    const invalid = (words: string) => ({
      name: 'ValidationException',
      message: expect.stringContaining(words),
      $metadata: { httpStatusCode: 400 },
    });

    test('wants a model before a configuration, and that before an endpoint', async () => {
      await expect(createConfig()).rejects.toMatchObject(invalid('Could not find model'));
      await expect(createEndpoint()).rejects.toMatchObject(invalid('Could not find'));
      await expect(status()).rejects.toMatchObject(invalid('Could not find endpoint'));
    });

    test('makes an endpoint that is not in service at once', async () => {
      await createModel();
      await createConfig();
      const { EndpointArn } = await createEndpoint();
      expect(EndpointArn).toMatch(new RegExp(`:endpoint/${endpoint}$`));
      expect(await status()).toBe('Creating');
      await expect(invoke('{}')).rejects.toMatchObject({ name: 'ValidationError' });
      await expect(
        control.send(new DeleteEndpointCommand({ EndpointName: endpoint })),
      ).rejects.toMatchObject(invalid('Cannot update in-progress endpoint'));
      target.passTime?.();
      await expect.poll(status, { timeout: target.patienceMs }).toBe('InService');
    });

    test('refuses to make what is there', async () => {
      for (const create of [createModel, createConfig, createEndpoint]) {
        await expect(create()).rejects.toMatchObject(invalid('Cannot create already existing'));
      }
    });

    test('takes bytes to the container and back', async () => {
      const { Body, ContentType, InvokedProductionVariant } = await invoke('{"instances":[1]}');
      expect(Buffer.from(Body ?? []).toString()).toBe('{"instances":[1]}');
      expect({ ContentType, InvokedProductionVariant }).toEqual({
        ContentType: 'application/json',
        InvokedProductionVariant: 'serving',
      });
    });

    test.each([400, 500])("passes the container's %i on as a ModelError", async (code) => {
      const failure = await invoke(`{"fail":${code}}`).catch((reason: unknown) => reason);
      expect(failure).toBeInstanceOf(ModelError);
      expect(failure).toMatchObject({
        OriginalStatusCode: code,
        OriginalMessage: 'broken',
        $metadata: { httpStatusCode: 424 },
      });
    });

    test('deletes what is there, and says so when it is not', async () => {
      const deletions = [
        new DeleteEndpointCommand({ EndpointName: endpoint }),
        new DeleteEndpointConfigCommand({ EndpointConfigName: endpoint }),
        new DeleteModelCommand({ ModelName: endpoint }),
      ] as const;
      await control.send(deletions[0]);
      await control.send(deletions[1]);
      await control.send(deletions[2]);
      await expect
        .poll(() => status().catch((reason: Error) => reason.message), {
          timeout: target.patienceMs,
        })
        .toContain('Could not find endpoint');
      await expect(control.send(deletions[1])).rejects.toMatchObject(invalid('Could not find'));
      await expect(control.send(deletions[2])).rejects.toMatchObject(invalid('Could not find'));
      await expect(invoke('{}')).rejects.toMatchObject({ name: 'ValidationError' });
    });
  });
}
