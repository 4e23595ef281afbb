/**
 * Columns of the archive's tables: names as SQL writes them. Firehose turns JSON into Parquet by them, and
 * Athena reads them. `model` and `day` are partitions, `day` being that of the prediction, so that the three
 * tables of a day belong together.
 */
export const ARCHIVE_COLUMNS = {
  predictions: {
    prediction_id: 'string',
    /** `answered`, or `shadow`: what the version of `arm` says of a recorded request, shown to nobody. */
    kind: 'string',
    at: 'string',
    version: 'string',
    digest: 'string',
    arm: 'string',
    assigned: 'string',
    promotion: 'string',
    unit: 'string',
    caller: 'string',
    rows: 'int',
    latency_ms: 'double',
    fell_back: 'boolean',
    /** JSON, as in the prediction log; sealed values stay sealed. */
    asked: 'string',
    sealed: 'string',
    outputs: 'string',
    /** JSON: of each row the chance that its outcome is seen, where decisions hide outcomes. */
    propensities: 'string',
    withheld: 'string',
    /** S3 key of the whole line, where it is too long for a record; what is JSON of its rows is absent then. */
    line_key: 'string',
  },
  outcomes: {
    prediction_id: 'string',
    /** Row of the request, or the item in JSON for ranking. */
    slot: 'string',
    caller: 'string',
    /** JSON. */
    outcome: 'string',
    observed_at: 'string',
    reported_at: 'string',
  },
  scores: {
    prediction_id: 'string',
    row: 'int',
    at: 'string',
    version: 'string',
    arm: 'string',
    assigned: 'string',
    promotion: 'string',
    unit: 'string',
    /** Grows with each restatement: the largest one holds. */
    revision: 'int',
    scored_at: 'string',
    /** JSON; absent where silence was given a meaning. */
    outcome: 'string',
    /** Chance that the outcome was seen; absent where it was certain, 0 where somebody chose to look. */
    propensity: 'double',
    /** JSON: values by the names of the metric catalogue. */
    components: 'string',
  },
} as const;

/** Where Athena puts results of queries, in the archive's bucket. */
export const ATHENA_RESULTS_PREFIX = 'athena/';

/** Lines too long for a record of Firehose, each an object. */
export const ARCHIVED_LINES_PREFIX = 'lines/';

export type ArchiveTable = keyof typeof ARCHIVE_COLUMNS;

type ValueOf<Type> = Type extends 'string' ? string : Type extends 'boolean' ? boolean : number;

/** One row of a table of the archive. */
export type ArchivedRow<Table extends ArchiveTable> = {
  readonly model: string;
  /** `2026-11-23` */
  readonly day: string;
} & {
  readonly [Column in keyof (typeof ARCHIVE_COLUMNS)[Table]]?: ValueOf<
    (typeof ARCHIVE_COLUMNS)[Table][Column]
  >;
};
