import type { DeclaredResource, EmulatedType, Identity, Place } from './emulator.ts';
import { isRecord } from './json.ts';
import { physicalName } from './physical-name.ts';

const functionArn = (name: string, { account, region }: Place): string =>
  `arn:aws:lambda:${region}:${account}:function:${name}`;

const nameless = (declared: DeclaredResource): Identity => ({
  ref: physicalName(declared, '', 100),
  attributes: {},
});

const FUNCTION: EmulatedType = {
  identify(declared, place) {
    const name = physicalName(declared, 'FunctionName', 64);
    return { ref: name, attributes: { Arn: functionArn(name, place) } };
  },
  honoured: [
    'Architectures',
    'Code',
    'Environment',
    'FunctionName',
    'Handler',
    'Layers',
    'LoggingConfig',
    'MemorySize',
    'ReservedConcurrentExecutions',
    'Role',
    'Timeout',
  ],
  inert: {
    Description: 'for people',
    EphemeralStorage: 'an environment has the room of this machine',
    KmsKeyArn: 'Lambda decrypts the environment by a grant it makes when the function is created',
    Runtime:
      'this process’s Node runs the code; it is the version that the template names or newer',
    TracingConfig: 'there is no X-Ray here',
    Tags: 'nothing reads them',
  },
};

const LAYER: EmulatedType = {
  identify(declared, { account, region }) {
    const name = physicalName(declared, 'LayerName', 100);
    const arn = `arn:aws:lambda:${region}:${account}:layer:${name}:1`;
    return { ref: arn, attributes: { Arn: arn } };
  },
  honoured: ['Content', 'CompatibleArchitectures', 'LayerName'],
  inert: {
    Description: 'for people',
    CompatibleRuntimes: 'one runtime is emulated',
    LicenseInfo: 'for people',
  },
};

/** Versions and aliases lead to the function itself: there is one code at a time here. */
const qualified =
  (property: 'Version' | 'Name'): EmulatedType['identify'] =>
  (declared, place) => {
    const owner = declared.properties['FunctionName'];
    const logicalId = isRecord(owner) && typeof owner['Ref'] === 'string' ? owner['Ref'] : '';
    const name = physicalName({ ...declared, logicalId, properties: {} }, '', 64);
    const qualifier = property === 'Version' ? '1' : String(declared.properties['Name']);
    const arn = `${functionArn(name, place)}:${qualifier}`;
    return { ref: arn, attributes: { Version: qualifier, AliasArn: arn, FunctionArn: arn } };
  };

/** The CloudFormation types of Lambda. */
export const LAMBDA_TYPES: Readonly<Record<string, EmulatedType>> = {
  'AWS::Lambda::Function': FUNCTION,
  'AWS::Lambda::LayerVersion': LAYER,
  'AWS::Lambda::Version': {
    identify: qualified('Version'),
    honoured: ['FunctionName'],
    inert: { Description: 'for people' },
  },
  'AWS::Lambda::Alias': {
    identify: qualified('Name'),
    honoured: ['FunctionName', 'FunctionVersion', 'Name'],
    inert: { ProvisionedConcurrencyConfig: 'environments stay once they have started' },
  },
  'AWS::Lambda::Permission': {
    identify: nameless,
    honoured: ['Action', 'FunctionName', 'Principal', 'SourceArn', 'SourceAccount'],
    inert: {},
  },
  'AWS::Lambda::EventInvokeConfig': {
    identify: nameless,
    honoured: ['DestinationConfig', 'FunctionName', 'MaximumRetryAttempts', 'Qualifier'],
    inert: { MaximumEventAgeInSeconds: 'events do not wait here longer than their retries' },
  },
};
