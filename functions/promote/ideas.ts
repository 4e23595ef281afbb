import type { Promotion } from '../contracts/promotion.ts';

export interface IdeaCounts {
  readonly quarter: string;
  readonly good: number;
  readonly bad: number;
  readonly undecided: number;
  readonly running: number;
  /** Good over decided; absent while none is decided. */
  readonly goodShare?: number;
}

/** The quarter of UTC a promotion began in. */
export const quarterOf = ({ startedAt }: Pick<Promotion, 'startedAt'>): string =>
  `${startedAt.slice(0, 4)}-Q${Math.floor((Number(startedAt.slice(5, 7)) - 1) / 3) + 1}`;

/** How the ideas of a quarter turned out. */
export function countIdeas(promotions: readonly Promotion[], quarter: string): IdeaCounts {
  const counts = { good: 0, bad: 0, undecided: 0, running: 0 };
  for (const promotion of promotions)
    if (quarterOf(promotion) === quarter) counts[promotion.idea ?? 'running'] += 1;
  const decided = counts.good + counts.bad;
  return { quarter, ...counts, ...(decided > 0 && { goodShare: counts.good / decided }) };
}
