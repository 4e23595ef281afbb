import type { Resource } from './emulator.ts';
import { isRecord } from './json.ts';

export interface ApiMethod {
  /** `/v2/models/{model}/{proxy+}`. */
  readonly resourcePath: string;
  readonly isKeyRequired: boolean;
  readonly isSigned: boolean;
  readonly functionArn: string;
}

export interface Match {
  readonly method: ApiMethod;
  readonly pathParameters: Readonly<Record<string, string>>;
}

interface Node {
  readonly id: string;
  readonly part: string;
  readonly path: string;
  readonly children: Node[];
  readonly methods: Map<string, ApiMethod>;
}

const LAMBDA_URI = /functions\/(arn:aws:lambda:[^/]+)\/invocations$/;

/**
 * The paths of one REST API. API Gateway prefers a literal segment to a variable and a variable to a
 * greedy one, and does not come back once it has gone down a literal.
 */
export class ApiRoutes {
  readonly #root: Node;

  constructor(api: Resource, resources: readonly Resource[]) {
    const ofApi = resources.filter(({ properties }) => properties['RestApiId'] === api.ref);
    this.#root = {
      id: api.attributes['RootResourceId'] ?? '',
      part: '',
      path: '',
      children: [],
      methods: new Map(),
    };
    this.#attach(this.#root, ofApi);
  }

  /** @param segments percent-encoded. */
  find(httpMethod: string, segments: readonly string[]): Match | undefined {
    const found = descend(this.#root, segments, {});
    const method = found?.node.methods.get(httpMethod) ?? found?.node.methods.get('ANY');
    return found && method && { method, pathParameters: found.parameters };
  }

  #attach(node: Node, resources: readonly Resource[]): void {
    for (const { type, ref, properties } of resources) {
      if (type === 'AWS::ApiGateway::Resource' && properties['ParentId'] === node.id) {
        const part = String(properties['PathPart']);
        const child: Node = {
          id: ref,
          part,
          path: `${node.path}/${part}`,
          children: [],
          methods: new Map(),
        };
        node.children.push(child);
        this.#attach(child, resources);
      }
      if (type === 'AWS::ApiGateway::Method' && properties['ResourceId'] === node.id)
        node.methods.set(String(properties['HttpMethod']), readMethod(node.path, properties));
    }
  }
}

function readMethod(resourcePath: string, properties: Resource['properties']): ApiMethod {
  const integration = properties['Integration'];
  const uri = isRecord(integration) ? String(integration['Uri']) : '';
  const functionArn = LAMBDA_URI.exec(uri)?.[1];
  if (!functionArn || (isRecord(integration) && integration['Type'] !== 'AWS_PROXY'))
    throw new Error(
      `${resourcePath}: only Lambda proxy integrations are emulated, not ${JSON.stringify(integration)}`,
    );
  return {
    resourcePath,
    isKeyRequired: properties['ApiKeyRequired'] === true,
    isSigned: properties['AuthorizationType'] === 'AWS_IAM',
    functionArn,
  };
}

interface Found {
  readonly node: Node;
  readonly parameters: Readonly<Record<string, string>>;
}

function descend(
  node: Node,
  [segment, ...rest]: readonly string[],
  parameters: Readonly<Record<string, string>>,
): Found | undefined {
  if (segment === undefined) return { node, parameters };
  const literal = node.children.find(({ part }) => part === decode(segment));
  if (literal) return descend(literal, rest, parameters);
  const greedy = node.children.find(({ part }) => /^\{.+\+\}$/.test(part));
  const variable = node.children.find(({ part }) => /^\{[^+]+\}$/.test(part));
  if (variable)
    return descend(variable, rest, { ...parameters, [variable.part.slice(1, -1)]: segment });
  return (
    greedy && {
      node: greedy,
      parameters: { ...parameters, [greedy.part.slice(1, -2)]: [segment, ...rest].join('/') },
    }
  );
}

/** A malformed escape matches no literal; the function behind a variable answers for it. */
function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
