import { createHash } from 'node:crypto';
import type { DeclaredResource } from './emulator.ts';

/**
 * The name of a resource: the literal one in the template, else one made the way CloudFormation does,
 * from stack and logical id, but the same at every start so that kept state is found again.
 */
export function physicalName(
  resource: DeclaredResource,
  property: string,
  maxLength: number,
): string {
  const literal = resource.properties[property];
  if (typeof literal === 'string') return literal;
  const { stack, logicalId } = resource;
  const suffix = `-${digest(resource).slice(0, 12)}`;
  return `${stack}-${logicalId}`.slice(0, maxLength - suffix.length) + suffix;
}

/** A UUID for resources that AWS names by one. */
export function physicalUuid(resource: DeclaredResource): string {
  const hex = digest(resource);
  return hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-4$3-8$4-$5');
}

function digest({ stack, logicalId }: DeclaredResource): string {
  return createHash('sha256').update(`${stack}/${logicalId}`).digest('hex');
}
