/** Works on all of them, at most `atOnce` at a time; the results in their order. @throws the first failure. */
export async function inParallel<Given, Result>(
  all: readonly Given[],
  atOnce: number,
  work: (each: Given) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const left = all.entries();
  const worker = async () => {
    for (const [at, each] of left) results[at] = await work(each);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, all.length) }, worker));
  return results;
}
