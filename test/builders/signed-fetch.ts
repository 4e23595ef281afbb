import { Hash } from '@smithy/core/serde';
import { SignatureV4 } from '@smithy/signature-v4';
import type { AwsTarget } from '../cases/target.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint: answers of many shapes
  readonly json: Readonly<Record<string, unknown>>;
}

/** Calls an awsJson operation of a service for which no SDK client is installed. */
export async function callJson(
  { endpoint, region, credentials }: AwsTarget,
  { service, target, version }: { service: string; target: string; version: '1.0' | '1.1' },
  input: object,
): Promise<Answer> {
  const url = new URL(endpoint ?? `https://${service}.${region}.amazonaws.com`);
  const body = JSON.stringify(input);
  const signer = new SignatureV4({
    service,
    region,
    credentials,
    sha256: Hash.bind(null, 'sha256'),
  });
  const signed = await signer.sign({
    method: 'POST',
    protocol: url.protocol,
    hostname: url.hostname,
    path: '/',
    headers: {
      host: url.host,
      'content-type': `application/x-amz-json-${version}`,
      'x-amz-target': target,
    },
    body,
  });
  const response = await fetch(url, { method: 'POST', headers: signed.headers, body });
  return {
    status: response.status,
    headers: response.headers,
    json: JSON.parse(await response.text()),
  };
}
