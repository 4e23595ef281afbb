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
  at: AwsTarget,
  { service, target, version }: { service: string; target: string; version: '1.0' | '1.1' },
  input: object,
): Promise<Answer> {
  const response = await signedFetch(at, service, {
    headers: { 'content-type': `application/x-amz-json-${version}`, 'x-amz-target': target },
    body: JSON.stringify(input),
  });
  return {
    status: response.status,
    headers: response.headers,
    json: JSON.parse(await response.text()),
  };
}

/** A signed POST to the root of a service. */
export async function signedFetch(
  { endpoint, region, credentials }: AwsTarget,
  service: string,
  { headers, body }: { headers: Readonly<Record<string, string>>; body: string },
): Promise<Response> {
  const url = new URL(endpoint ?? `https://${service}.${region}.amazonaws.com`);
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
    headers: { host: url.host, ...headers },
    body,
  });
  return fetch(url, { method: 'POST', headers: signed.headers, body });
}
