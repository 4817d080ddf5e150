// Sums and functions over flat arrays of numbers.

/** The inner product of `size` numbers of two arrays, from two places on. */
export function dot(a, from, b, at, size) {
    let sum = 0;
    for (let i = 0; i < size; i++) sum += a[from + i] * b[at + i];
    return sum;
}

export const sigmoid = (x) => 1 / (1 + Math.exp(-x));

/** Positive numbers with sum 1. */
export function softmax(numbers) {
    const most = numbers.reduce((a, b) => Math.max(a, b), -Infinity);
    const powers = numbers.map((x) => Math.exp(x - most));
    const sum = powers.reduce((a, b) => a + b, 0);
    return powers.map((x) => x / sum);
}

/** The largest absolute number, or a tiny one where all are zero. */
export function largest(numbers) {
    return numbers.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-12);
}
