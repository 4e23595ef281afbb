import { XMLBuilder, XMLParser, XMLValidator } from 'fast-xml-parser';
import type { Reply, ServiceError } from './emulator.ts';
import { ServiceError as S3Error } from './emulator.ts';
import { isRecord, type JsonObject } from './json.ts';

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';
const builder = new XMLBuilder({ ignoreAttributes: false, attributeNamePrefix: '@' });
const parser = new XMLParser({ parseTagValue: false, isArray: (name) => name === 'Part' });

/** An S3 answer: a list becomes repeated elements, and members that are undefined are left out. */
export function xmlReply(root: string, members: JsonObject, status = 200): Reply {
  return reply(status, { [root]: { '@xmlns': NAMESPACE, ...present(members) } });
}

/** An error in the form of S3; its members beside the message become elements, `headers` headers. */
export function xmlError(
  { status, code, message, members }: ServiceError,
  { path, requestId }: { path: string; requestId: string },
): Reply {
  // What the authorizer calls AccessDeniedException has a shorter name in S3.
  const Code = code === 'AccessDeniedException' ? 'AccessDenied' : code;
  const { headers = {}, ...details } = members;
  const answer = reply(status, {
    Error: { Code, Message: message, ...details, Resource: path, RequestId: requestId },
  });
  return { ...answer, headers: { ...answer.headers, ...(headers as Record<string, string>) } };
}

function reply(status: number, document: JsonObject): Reply {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n${builder.build(document)}`;
  return { status, headers: { 'content-type': 'application/xml' }, body };
}

function present(members: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

/** The members of a request document's root element. @throws ServiceError MalformedXML */
export function parseXml(body: Buffer, root: string): JsonObject {
  const text = body.toString();
  const parsed: unknown = XMLValidator.validate(text) === true ? parser.parse(text) : undefined;
  const document = isRecord(parsed) ? parsed[root] : undefined;
  if (isRecord(document)) return document;
  throw new S3Error(
    400,
    'MalformedXML',
    `The XML you provided was not well-formed or did not validate: expected a ${root} document.`,
  );
}
