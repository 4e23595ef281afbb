import {
  arnOf,
  inlineFunction,
  permission,
  ref,
  type Template,
  tellingFunction,
} from './template.ts';

/** Writes lines as they are: \`console.log\` would put Lambda's own words before each. */
const SPEAKER = `exports.handler = async ({ lines }) => {
  for (const line of lines) process.stdout.write(line + '\\n');
};`;

const LISTENER = `const { gunzipSync } = require('node:zlib');
exports.handler = ({ awslogs }) =>
  tell(JSON.parse(gunzipSync(Buffer.from(awslogs.data, 'base64')).toString()));`;

/** A function whose log another one subscribes to. */
export const LOGS_TEMPLATE = {
  Resources: {
    ...inlineFunction('Speaker', SPEAKER),
    ...tellingFunction('Listener', LISTENER),
    ListenerPermission: permission('logs', 'Listener', arnOf('SpeakerLog')),
    Subscription: {
      Type: 'AWS::Logs::SubscriptionFilter',
      DependsOn: 'ListenerPermission',
      Properties: {
        LogGroupName: ref('SpeakerLog'),
        DestinationArn: arnOf('Listener'),
        FilterName: 'wanted',
        FilterPattern: '{ $.kind = "wanted" }',
      },
    },
  },
  Outputs: {
    functionName: { Value: ref('Speaker') },
    logGroup: { Value: ref('SpeakerLog') },
    toldUrl: { Value: ref('ListenerTold') },
  },
} satisfies Template;
