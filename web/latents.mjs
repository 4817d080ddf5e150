// From one latent to another.

/** Along the sphere on which normally distributed latents lie. */
export function spherical(fraction, first, second) {
    const dot = first.reduce((sum, x, i) => sum + x * second[i], 0);
    const cosine = dot / (Math.hypot(...first) * Math.hypot(...second));
    if (Math.abs(cosine) >= 1 - 1e-6) return linear(fraction, first, second);
    const angle = Math.acos(cosine);
    const [a, b] = [Math.sin((1 - fraction) * angle), Math.sin(fraction * angle)];
    return first.map((x, i) => (a * x + b * second[i]) / Math.sin(angle));
}

/** Along the straight line. */
export function linear(fraction, first, second) {
    return first.map((x, i) => (1 - fraction) * x + fraction * second[i]);
}

export const PATHS = { spherical, linear };
