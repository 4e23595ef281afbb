/**
 * Reproducible random numbers: the same seed and stream name give the same sequence on every machine.
 * Written here rather than taken from pure-rand: a training draws a number a row and a tree, and a plain
 * 32-bit closure is what the engine inlines.
 */
export interface SeededRandom {
  /** Uniform in [0, 1), in steps of 2^-32. */
  next(): number;
  /** Uniform whole number in [0, below). */
  integer(below: number): number;
  /** Standard normal. */
  normal(): number;
}

/** FNV-1a with a final mix: 32 bits of a text. */
export function hashText(text: string, seed = 0): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (let at = 0; at < text.length; at++)
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) >>> 0;
  return mix(hash);
}

/** Finaliser of MurmurHash3: every input bit reaches every output bit. */
function mix(value: number): number {
  let bits = value >>> 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/**
 * Generator sfc32 (PractRand, C. Doty-Humphrey).
 * @param stream names what the numbers are for, so that two uses of one seed stay independent.
 */
export function seededRandom(seed: number, stream: string): SeededRandom {
  let a = mix(seed);
  let b = hashText(stream, seed);
  let c = mix(Math.floor(seed / 2 ** 32) ^ 0x9e3779b9);
  let counter = 1;
  const bits = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return sum >>> 0;
  };
  // The first outputs still resemble the seed.
  for (let round = 0; round < 12; round++) bits();
  const next = (): number => bits() / 2 ** 32;
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  return { next, integer: (below) => Math.floor(next() * below), normal };
}

/** Fisher-Yates, in place. */
export function shuffle(values: Int32Array, random: SeededRandom): Int32Array {
  for (let at = values.length - 1; at > 0; at--) {
    const other = random.integer(at + 1);
    const held = values[at] ?? 0;
    values[at] = values[other] ?? 0;
    values[other] = held;
  }
  return values;
}
