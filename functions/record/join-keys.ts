import { createHash } from 'node:crypto';
import type { Instant } from '../contracts/instant.ts';
import { LIMITS } from '../contracts/limits.ts';

/** The first 4 bytes of the SHA-256 spread keys evenly, whatever the texts look like. */
export const shardOf = (text: string): number =>
  createHash('sha256').update(text, 'utf8').digest().readUInt32BE(0) % LIMITS.keyShards;

/** `2026-11-23T18`: the hour of UTC that an instant lies in. */
export const hourOf = (at: Instant): string => at.slice(0, 13);
/** `2026-11-23` */
export const dayOf = (at: Instant): string => at.slice(0, 10);

/** Key of the predictions of a model and hour, one of `LIMITS.keyShards`. */
export const cohortKey = (model: string, hour: string, shard: number): string =>
  `${model}#${hour}#${shard}`;

/** 16 hex digits tell the few values apart that anybody reports of one slot. */
export const shortHash = (text: string): string =>
  createHash('sha256').update(text, 'utf8').digest('hex').slice(0, 16);

const LONGEST_READABLE = 200;

/** Sort keys hold 1,024 bytes; a long item id is known by its hash. */
export const slotKey = (slot: string): string =>
  Buffer.byteLength(slot) <= LONGEST_READABLE
    ? slot
    : `sha256:${createHash('sha256').update(slot, 'utf8').digest('hex')}`;
