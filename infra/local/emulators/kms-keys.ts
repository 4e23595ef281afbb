import type { Call, Place } from './emulator.ts';
import type { ContextValues } from './policy.ts';

/** The ARN of a key that a template gives by id or by ARN. */
export function keyArn(idOrArn: string, { account, region }: Place): string {
  if (idOrArn.startsWith('arn:')) return idOrArn;
  return `arn:aws:kms:${region}:${account}:key/${idOrArn}`;
}

/** One use of a key, as key policies may speak of it. */
export interface KeyUse {
  readonly action:
    | 'kms:Decrypt'
    | 'kms:Encrypt'
    | 'kms:GenerateDataKey'
    | 'kms:GenerateMac'
    | 'kms:DescribeKey';
  readonly keyArn: string;
  /** The service that uses the key for its caller: `s3`, `dynamodb`; absent when KMS itself is called. */
  readonly via?: string;
  readonly encryptionContext?: Readonly<Record<string, string>>;
  /** The alias the caller named the key by. */
  readonly alias?: string;
}

/** Asks whether a caller may use a key, with every condition key that KMS sets. */
export function authorizeKeyUse(call: Pick<Call, 'authorize'>, place: Place, use: KeyUse): void {
  const encryptionContext = Object.entries(use.encryptionContext ?? {});
  const context: Record<string, string | readonly string[]> = {
    'kms:CallerAccount': place.account,
    ...(use.via !== undefined && { 'kms:ViaService': `${use.via}.${place.region}.amazonaws.com` }),
    ...(use.alias !== undefined && { 'kms:RequestAlias': use.alias }),
    ...(encryptionContext.length > 0 && {
      'kms:EncryptionContextKeys': encryptionContext.map(([key]) => key),
    }),
  } satisfies ContextValues;
  for (const [key, value] of encryptionContext) context[`kms:EncryptionContext:${key}`] = value;
  call.authorize(use.action, use.keyArn, context);
}
