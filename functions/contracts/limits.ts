/**
 * Every limit, time-out and default of the deployment, each with its reason. Bytes, milliseconds,
 * seconds and counts are in the names.
 */
export const LIMITS = {
  /** Lambda takes 6 MB a synchronous event; base64 (4/3) and the event's own JSON leave this for a body. */
  requestBodyBytes: 4_400_000,
  /** Lambda returns at most 6 MB; a reply in binary travels as base64. */
  responseBodyBytes: 4_400_000,
  /** Lambda returns 6 MB at most, the envelope with headers included. */
  escapedResponseBytes: 5_900_000,
  /** gzip makes 1000:1 possible, and hostile JSON takes 60 times its size in memory while it is parsed. */
  decompressedBodyBytes: 8_800_000,
  /** Rows a request: 1,000 products is the largest the interviewed teams send, with room to spare. */
  rowsPerRequest: 10_000,
  /** Elements of one tensor, so that a product of dimensions cannot ask for absurd memory. */
  elementsPerTensor: 4_000_000,
  /** Triton allows more; no real model has tensors of higher rank. */
  tensorRank: 8,
  /** Bytes of one string element, the category values of a hostile caller included. */
  stringElementBytes: 4_096,
  /** Faults listed in one answer: enough to mend a client, bounded for hostile bodies. */
  faultsListed: 20,
  /** A unit is an id, not a document. */
  unitCharacters: 256,
  /** An id that a caller gives a request and finds in the answer and the log. */
  requestIdCharacters: 128,

  /** A route is at most this old when it is used, so a rollback is in force everywhere within it. */
  routeAgeMs: 5_000,
  /** What a caller waits for a fresh route at the most; then the stale one serves and a metric tells. */
  routeReadMs: 50,
  /** A cold environment has no stale route to fall back to, and nobody waits for a shadow: both may take longer. */
  firstRouteReadMs: 2_000,
  /** A version that did not open is tried again after this. */
  failedOpenRetryMs: 30_000,
  /** Sessions kept warm per environment: champion, challenger, former champion, one named version. */
  warmSessions: 4,
  /** A data key seals the log of one environment this long: what one stolen key opens is bounded by it. */
  dataKeyAgeMs: 900_000,
  /** Far below the 2^32 messages that AES-GCM allows a key with random initialization vectors. */
  dataKeyUses: 1_000_000,
  /** Data keys kept open by who reads the log: one an environment and 15 minutes of what is read. */
  openDataKeys: 200,
  /** What a request waits for KMS at the most; then what needs the key stays out of the log, counted. */
  keyRequestMs: 1_000,
  /** KMS is asked again after this, so that requests do not wait for it one by one while it is down. */
  failedKeyRetryMs: 5_000,
  /** CloudWatch takes 1 MB a log event, and base64 and gzip of a subscription batch must fit 6 MB. */
  logEventBytes: 200_000,
  /** The longest path of the API is shorter; the rest of a longer one is a scanner's. */
  loggedPathCharacters: 300,
  /** SageMaker answers within 60 s, but API Gateway gives up after 29 s: leave room to answer. */
  sagemakerTimeoutMs: 25_000,
  /** What a function keeps of its own time-out for answering that something else took too long. */
  timeoutReserveMs: 500,
  /** Asked of callers with 503 while a version loads or an endpoint is made. */
  retryAfterSeconds: 2,

  /** Largest artifact of a version: it must fit /tmp (512 MB by default) beside a second one. */
  artifactBytes: 200_000_000,
  /** A profile of hundreds of features, each with 50 categories. */
  profileBytes: 1_000_000,
  /** What is kept of a graph's own metadata. */
  graphMetadataEntries: 32,
  graphMetadataCharacters: 1_000,
  /** Artifacts kept on a function's disk: Lambda gives 512 MB, and a download needs room beside them. */
  artifactCacheBytes: 250_000_000,
  /** Two registrations at once both count up; one of them tries again, and this many can queue. */
  registrationAttempts: 10,
  /** A presigned upload must start within this. */
  uploadExpirySeconds: 3_600,
  /** Time the inspection of an upload may take: API Gateway waits 29 s for the operator's answer. */
  inspectionSeconds: 25,
  /** Items of one page of a list. */
  pageSize: 50,
  /** Recorded requests a replay runs at the most: their answers take minutes, and more say nothing new. */
  replayRequests: 20_000,
  /** Fewer say nothing of a version. */
  replayMinimumRequests: 100,
  /** Requests a call of the trial function: with 1,000 items each they must fit Lambda's 6 MB. */
  replayBatchRequests: 20,
  /** Others may change a route while a promotion does; more often than this within a second is no accident. */
  routeWriteAttempts: 5,
  /** Free text of operators: descriptions, reasons. */
  textCharacters: 2_000,

  /** SageMaker makes an endpoint in ten minutes, or in half an hour where the image is large. */
  endpointSeconds: 3_600,

  /** EventBridge takes no more in one call. */
  eventsPerPut: 10,
  /** Single entries fail while the service is busy; after this many tries somebody must know. */
  eventPutAttempts: 4,

  /** A file of rows: it and its Parquet form must fit /tmp, and one import must end within 15 minutes. */
  datasetFileBytes: 500_000_000,
  /** Parts that an upload of a file is made of; the last is smaller. S3 takes no part below 5 MiB. */
  datasetPartBytes: 16 * 1024 ** 2,
  /** 16 bytes a row for its digest and as much for each entity key are held while rows are compared. */
  datasetRows: 10_000_000,
  /** Longest line or record: an unclosed quote must not swallow the rest of the file into memory. */
  datasetRecordBytes: 1_000_000,
  /** Columns of a file, those that are left out included. */
  datasetColumns: 2_000,
  /** Broken rows that a refusal lists: enough to mend a file, small enough for one item and one answer. */
  faultyRowsListed: 100,
  /** Faults listed of one row, and characters of each: 100 rows of them fit the 400 kB of an item. */
  faultsOfRowListed: 10,
  faultCharacters: 300,
  /** Rows a row group of the stored Parquet: the unit of memory of whoever reads it. */
  datasetRowGroupRows: 50_000,
  /** Largest row group that is read of a foreign Parquet file, as it is in memory before decompression. */
  parquetRowGroupBytes: 256_000_000,
  /** Categories of one feature that a profile lists and counts; the rest is "other". */
  profileCategories: 50,
  /** Distinct texts of one feature that are counted one by one for a profile. */
  profileDistinctTexts: 100_000,
  /** Bins of a number's histogram, by quantiles. */
  profileBins: 10,
  /** Rows of a finding or a difference that are shown. */
  datasetExamples: 20,
  /** Files that nobody imported, and records of imports that were refused, are kept this long. */
  importRecordDays: 90,
  /** Rows that a graph answers at once in an offline evaluation: enough to fill a matrix product. */
  evaluationBatchRows: 4_096,
  /** Values of one feature that are judged one by one; the rest is one slice. */
  sliceValues: 50,
  /** Rows, or queries, of a snapshot: twice as many are in memory while it is taken. */
  snapshotUnits: 200_000,
  /** Days of predictions that one snapshot looks through within 15 minutes. */
  snapshotDays: 92,
  /** A presigned download must start within this. */
  downloadExpirySeconds: 900,

  /** Hours of a model that one run closes: as many as fit its time; an outage of a week is caught up with in two hours. */
  hoursPerRun: 24,
  /** Rows that matured and were asked to be scored are waited for this long; then the hour is closed without them, and says so. */
  hourPatienceMs: 7_200_000,
  /** What needs a window is computed over a week of hours: fraud differs by weekday. */
  windowHours: 168,
  /** Rows of a window that drift is looked for in: far beyond what moves a verdict, read within a few minutes. */
  driftRows: 500_000,
  /** Bins of a histogram of scores, 0.06 wide in log-odds: merged they give average precision to 1e-3. */
  scoreBins: 400,
  /** Ends of a 95 % interval from this many draws move by a tenth of its width. */
  intervalDraws: 400,
  /** Bins of a calibration error: few enough that each holds rows of both classes in a week. */
  calibrationBins: 10,

  /** Outcomes of one request: what is judged and written within a few seconds. */
  outcomesPerRequest: 500,
  /** A class or an interaction is a word. */
  outcomeCharacters: 100,
  /** Clocks of callers run ahead of ours by seconds, never by more than this. */
  outcomeSkewMs: 300_000,
  /** Kept beyond the horizon of its outcomes: a cohort that is judged late, an incident looked into. */
  joinMarginHours: 168,
  /** Parts wait for one of them that failed: 4 days in the queue of work, 14 where it is parked, and a margin. */
  partHours: 480,
  /** Rows in one item of the join table, and the characters of their JSON: an item holds 400 kB. */
  rowsPerItem: 1_000,
  rowItemCharacters: 120_000,
  /** Writers of one model and hour in the join table's index, and of one promotion's units: 1,000 writes a second are one key's most. */
  keyShards: 16,
  /** Predictions and outcomes worked on at once: enough to hide the round trips, few enough to be let in. */
  recordConcurrency: 16,
  /** Writers that meet at one score try again this often; each time one of them is done. */
  settleAttempts: 8,
  /** Units whose exposure is known to be written, so that the next request of a unit writes nothing. */
  exposuresRemembered: 50_000,
  /** Requests and rows of a shadow that are kept of hours and days: their 99th percentile lies within the 98.7th and the 99.3rd of all, and 4,000 numbers and pairs are 230 of the 400 kB of an item. */
  shadowSample: 4_000,
  /** Of an item's 400 kB, what the names and counts of a shadow's segments take beside its samples: some 2,000 of them. */
  segmentBytes: 100_000,
  /** Kept as long as the longest promotion and its look back. */
  unitDays: 180,
  /** Firehose takes 1,000 KiB a record. */
  archiveRecordBytes: 1_000_000,
  /** Firehose takes 500 records and 4 MiB a call. */
  archiveBatchRecords: 500,
  archiveBatchBytes: 4_000_000,
  /** Entries that Firehose refused are sent again at once this often; then the delivery is tried again. */
  archiveAttempts: 4,
  /** EMF takes 100 values of one metric a line. */
  valuesPerMetricLine: 100,
  /** Messages that one call of redrive moves, within the time of an API call. */
  redriveMessages: 500,
} as const;
