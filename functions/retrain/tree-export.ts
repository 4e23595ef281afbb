import type { Ensemble } from './boosting.ts';
import type { DecisionTree } from './decision-tree.ts';
import { columnOf, type GraphBuilder, ML_DOMAIN, toFloat64 } from './onnx-graph.ts';

interface NodeTable {
  readonly treeIds: number[];
  readonly nodeIds: number[];
  readonly featureIds: number[];
  readonly modes: string[];
  readonly values: number[];
  readonly trueIds: number[];
  readonly falseIds: number[];
  readonly missingTrue: number[];
  readonly leaves: { tree: number; node: number; target: number; weight: number }[];
}

const emptyTable = (): NodeTable => ({
  treeIds: [],
  nodeIds: [],
  featureIds: [],
  modes: [],
  values: [],
  trueIds: [],
  falseIds: [],
  missingTrue: [],
  leaves: [],
});

interface ExportedNode {
  readonly id: number;
  readonly mode: 'BRANCH_LEQ' | 'BRANCH_EQ' | 'LEAF';
  readonly column: number;
  readonly value: number;
  readonly whenTrue: number;
  readonly whenFalse: number;
  readonly missingTrue: number;
}

function push(table: NodeTable, treeId: number, node: ExportedNode): void {
  table.treeIds.push(treeId);
  table.nodeIds.push(node.id);
  table.featureIds.push(node.column);
  table.modes.push(node.mode);
  table.values.push(node.value);
  table.trueIds.push(node.whenTrue);
  table.falseIds.push(node.whenFalse);
  table.missingTrue.push(node.missingTrue);
}

/**
 * Set membership as a chain of equalities that share their true branch: operator set 3 has no membership
 * node, and onnxruntime folds such chains into one.
 */
function pushMembership(
  table: NodeTable,
  treeId: number,
  tree: DecisionTree,
  node: number,
  extraId: number,
): number {
  const codes = tree.categories[node] ?? new Uint8Array(0);
  let next = extraId;
  codes.forEach((code, at) => {
    const isLast = at === codes.length - 1;
    push(table, treeId, {
      id: at === 0 ? node : next - 1,
      mode: 'BRANCH_EQ',
      column: tree.column[node] ?? 0,
      value: code,
      whenTrue: tree.left[node] ?? 0,
      whenFalse: isLast ? (tree.right[node] ?? 0) : next,
      missingTrue: 0,
    });
    if (!isLast) next++;
  });
  return next;
}

function pushTree(
  table: NodeTable,
  treeId: number,
  tree: DecisionTree,
  target: number,
  base: number,
): void {
  let extraId = tree.column.length;
  tree.column.forEach((column, id) => {
    if (column < 0) {
      const leaf = { mode: 'LEAF', column: 0, value: 0, whenTrue: 0, whenFalse: 0 } as const;
      push(table, treeId, { id, ...leaf, missingTrue: 0 });
      table.leaves.push({ tree: treeId, node: id, target, weight: base + (tree.value[id] ?? 0) });
    } else if (tree.categories[id]) extraId = pushMembership(table, treeId, tree, id, extraId);
    else
      push(table, treeId, {
        id,
        mode: 'BRANCH_LEQ',
        column,
        value: tree.threshold[id] ?? 0,
        whenTrue: tree.left[id] ?? 0,
        whenFalse: tree.right[id] ?? 0,
        missingTrue: tree.missingLeft[id] ?? 0,
      });
  });
}

const float64s = (values: readonly number[]) => ({
  tensor: { shape: [values.length], data: Float64Array.from(values) },
});

/**
 * Adds ensembles over the same features as one tree operator.
 * @param features name of the float64 [rows, columns] tensor.
 * @returns a float64 [rows, 1] column of scores for each ensemble. A base goes into the first tree's leaves,
 * so that the operator rounds to float32, as it does at the end, only once.
 */
export function exportEnsembles(
  graph: GraphBuilder,
  features: string,
  ensembles: readonly Ensemble[],
): string[] {
  const table = emptyTable();
  let treeId = 0;
  ensembles.forEach(({ base, trees }, target) => {
    trees.forEach((tree, at) => pushTree(table, treeId++, tree, target, at === 0 ? base : 0));
  });
  const { leaves } = table;
  const scores = graph.add(
    'TreeEnsembleRegressor',
    [features],
    {
      n_targets: { int: ensembles.length },
      aggregate_function: { string: 'SUM' },
      nodes_treeids: { ints: table.treeIds },
      nodes_nodeids: { ints: table.nodeIds },
      nodes_featureids: { ints: table.featureIds },
      nodes_modes: { strings: table.modes },
      nodes_values_as_tensor: float64s(table.values),
      nodes_truenodeids: { ints: table.trueIds },
      nodes_falsenodeids: { ints: table.falseIds },
      nodes_missing_value_tracks_true: { ints: table.missingTrue },
      target_treeids: { ints: leaves.map(({ tree }) => tree) },
      target_nodeids: { ints: leaves.map(({ node }) => node) },
      target_ids: { ints: leaves.map(({ target }) => target) },
      target_weights_as_tensor: float64s(leaves.map(({ weight }) => weight)),
    },
    { domain: ML_DOMAIN },
  );
  const exact = toFloat64(graph, scores);
  return ensembles.length === 1 ? [exact] : ensembles.map((_, at) => columnOf(graph, exact, at));
}
