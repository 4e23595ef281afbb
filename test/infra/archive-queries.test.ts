import { expect, test } from 'vitest';
import { askSaved } from '../builders/archive.ts';

const day = { model: 'm', day: '2026-11-24' };
const prediction = { ...day, prediction_id: 'p1', kind: 'answered', version: '1', at: 'b' };
const score = { ...day, prediction_id: 'p1', row: 0, revision: 1, components: '{"labels":1}' };

test('predictions that came again are one, and a shadow’s answer to the same request is another', () => {
  const predictions = [
    prediction,
    prediction,
    { ...prediction, kind: 'shadow', version: '2' },
    { ...prediction, kind: 'shadow', version: '2' },
    { ...prediction, prediction_id: 'p2' },
    { ...prediction, prediction_id: 'p3', day: '2026-11-25' },
    { ...prediction, prediction_id: 'p4', model: 'n' },
  ];
  expect(
    askSaved('PredictionsOnce', { predictions }, day).map((row) => [
      row['prediction_id'],
      row['kind'],
    ]),
  ).toEqual([
    ['p1', 'answered'],
    ['p1', 'shadow'],
    ['p2', 'answered'],
  ]);
});

test('of a score that was restated the last holds, with what was asked, row by row', () => {
  const scores = [
    { ...score, revision: 2, components: 'last' },
    score,
    { ...score, revision: 2, components: 'last' },
    { ...score, row: 1, components: 'other row' },
    { ...score, prediction_id: 'lost', components: 'its prediction is on the way' },
    { ...score, day: '2026-11-25' },
  ];
  const predictions = [
    { ...prediction, caller: 'key', outputs: 'o' },
    { ...prediction, caller: 'key', outputs: 'o' },
    { ...prediction, kind: 'shadow', caller: 'nobody', outputs: 'not what was answered' },
  ];
  expect(
    askSaved('ScoresNow', { scores, predictions }, day).map((row) => [
      row['prediction_id'],
      row['row'],
      row['components'],
      row['caller'],
      row['outputs'],
    ]),
  ).toEqual([
    ['lost', 0, 'its prediction is on the way', null, null],
    ['p1', 0, 'last', 'key', 'o'],
    ['p1', 1, 'other row', 'key', 'o'],
  ]);
});
