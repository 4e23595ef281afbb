/**
 * The chi-squared distribution, through the regularised incomplete gamma function (Numerical Recipes §6.2).
 * jstat and simple-statistics have it too, at 100 kB and more of bundle for these two functions.
 */

/** ln Γ(x) for x > 0 by Lanczos' approximation, good to 1e-14. */
function logGamma(x: number): number {
  const coefficients = [
    57.15623566586292, -59.59796035547549, 14.136097974741746, -0.4919138160976202,
    3.399464998481189e-5, 4.652362892704858e-5, -9.837447530487956e-5, 0.0001580887032249125,
    -0.00021026444172410488, 0.00021743961811521265, -0.0001643181065367639, 8.441822398385275e-5,
    -2.6190838401581408e-5, 3.6899182659531625e-6,
  ];
  const shifted = x + 5.242_187_5;
  const series = coefficients.reduce(
    (sum, coefficient, at) => sum + coefficient / (x + at + 1),
    0.9999999999999971,
  );
  return (x + 0.5) * Math.log(shifted) - shifted + Math.log((2.5066282746310007 * series) / x);
}

/** P(a, x) by its power series, for x below a + 1. */
function lowerSeries(a: number, x: number): number {
  let term = 1 / a;
  let sum = term;
  for (let n = 1; term > sum * 1e-16; n++) {
    term *= x / (a + n);
    sum += term;
  }
  return sum * Math.exp(a * Math.log(x) - x - logGamma(a));
}

/** Q(a, x) by Lentz's continued fraction, for x above a + 1. */
function upperFraction(a: number, x: number): number {
  let b = x + 1 - a;
  let c = 1e300;
  let d = 1 / b;
  let fraction = d;
  for (let n = 1; n < 1000; n++) {
    const numerator = -n * (n - a);
    b += 2;
    d = 1 / (numerator * d + b);
    c = b + numerator / c;
    fraction *= d * c;
    if (Math.abs(d * c - 1) < 1e-15) break;
  }
  return fraction * Math.exp(a * Math.log(x) - x - logGamma(a));
}

/** P(X > value) for chi-squared X. */
export function chiSquaredTail(value: number, degrees: number): number {
  if (value <= 0) return 1;
  const [a, x] = [degrees / 2, value / 2];
  return x < a + 1 ? 1 - lowerSeries(a, x) : upperFraction(a, x);
}

/** The value that chi-squared stays below with this probability; by bisection. */
export function chiSquaredQuantile(probability: number, degrees: number): number {
  let [low, high] = [0, degrees + 20];
  while (chiSquaredTail(high, degrees) > 1 - probability) high *= 2;
  while (high - low > 1e-10 * high) {
    const middle = (low + high) / 2;
    if (chiSquaredTail(middle, degrees) > 1 - probability) low = middle;
    else high = middle;
  }
  return high;
}
