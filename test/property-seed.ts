import fc from 'fast-check';

/** A commit passes or fails wherever it is tested; `SLIPWAY_SEED=7 npm test` draws other examples. */
fc.configureGlobal({ seed: Number(process.env['SLIPWAY_SEED'] ?? 1) });
