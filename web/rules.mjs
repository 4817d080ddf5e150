// The programming rules: a program of keys, values and learning rates becomes a weight matrix, the canvas.
//
// A program holds flat arrays: keys (channels, steps, width), values (channels, steps, height), betas (channels,
// steps, 1 or height), and for some rules `gates`, each (channels, steps). The loops below are those of chapter 00.

/** What the matrix W (height x width) holds at a key. */
function read(W, key, height, width) {
    const held = new Float64Array(height);
    for (let i = 0; i < height; i++) {
        let sum = 0;
        for (let j = 0; j < width; j++) sum += W[i * width + j] * key[j];
        held[i] = sum;
    }
    return held;
}

export function softmax(vector) {
    const largest = vector.reduce((a, b) => Math.max(a, b), -Infinity);
    const powers = vector.map((x) => Math.exp(x - largest));
    const sum = powers.reduce((a, b) => a + b, 0);
    return powers.map((x) => x / sum);
}

/** W_t = W + beta v k: add the value at the key, whatever is there already. */
function hebbian(W, { key, value, beta }) {
    return { written: value.map((v, i) => beta(i) * v), place: key };
}

/** W_t = W + beta (v - W k) k: write what is missing at the key. */
function delta(W, { key, value, beta, height, width }) {
    const held = read(W, key, height, width);
    return { written: value.map((v, i) => beta(i) * (v - held[i])), place: key };
}

/** W_t = W + beta v (k - W' v): write at what is new in the key; `placeGain` is 1 but for another size. */
function oja(W, { key, value, beta, height, width, softmaxKeys, placeGain }) {
    const place = Float64Array.from(key);
    for (let i = 0; i < height; i++) for (let j = 0; j < width; j++) place[j] -= W[i * width + j] * value[i];
    const placed = softmaxKeys ? softmax(place).map((x) => placeGain * x) : place;
    return { written: value.map((v, i) => beta(i) * v), place: placed };
}

/** The delta rule on a canvas that first fades by a factor. */
function gatedDelta(W, step) {
    const fade = step.gate("decays");
    for (let i = 0; i < W.length; i++) W[i] *= fade;
    return delta(W, step);
}

/** The rules by name: step, title, what reads the canvas, and gates with the value that does nothing. */
export const RULES = {
    delta: { step: delta, title: "delta", reads: "keys", gates: {} },
    hebbian: { step: hebbian, title: "Hebbian", reads: "keys", gates: {} },
    oja: { step: oja, title: "Oja", reads: "values", gates: {} },
    gated_delta: { step: gatedDelta, title: "gated delta", reads: "keys", gates: { decays: 1 } },
};

/** One channel's step of a program. */
function stepOf(program, c, t, softmaxKeys, placeGain) {
    const { steps, height, width, betas, gates } = program;
    const at = c * steps + t;
    const betaSize = betas.length / (program.channels * steps);
    return {
        height, width, softmaxKeys, placeGain,
        key: Float64Array.from(program.keys.subarray(at * width, (at + 1) * width)),
        value: Float64Array.from(program.values.subarray(at * height, (at + 1) * height)),
        beta: (row) => betas[at * betaSize + (betaSize > 1 ? row : 0)],
        gate: (name) => (name in gates ? gates[name][at] : RULES.gated_delta.gates[name]),
    };
}

/**
 * Run a rule over a program. Returns the canvas after each step, (steps, channels, height, width), and the factors
 * of each update, `written` (channels, steps, height) and `places` (channels, steps, width). With `onlyLast`, the last
 * canvas alone is returned.
 */
export function write(program, ruleName, options = {}) {
    const { initial = null, softmaxKeys = false, placeGain = 1, onlyLast = false } = options;
    const rule = RULES[ruleName];
    if (!rule) throw new RangeError(`unknown rule ${ruleName}; known: ${Object.keys(RULES).join(", ")}`);
    const { channels, steps, height, width } = program;
    const size = height * width;
    const canvases = new Float32Array((onlyLast ? 1 : steps) * channels * size);
    const written = new Float32Array(channels * steps * height);
    const places = new Float32Array(channels * steps * width);
    for (let c = 0; c < channels; c++) {
        const W = initial ? Float64Array.from(initial.subarray(c * size, (c + 1) * size)) : new Float64Array(size);
        for (let t = 0; t < steps; t++) {
            const update = rule.step(W, stepOf(program, c, t, softmaxKeys, placeGain));
            for (let i = 0; i < height; i++)
                for (let j = 0; j < width; j++) W[i * width + j] += update.written[i] * update.place[j];
            if (!onlyLast) canvases.set(W, (t * channels + c) * size);
            else if (t === steps - 1) canvases.set(W, c * size);
            written.set(update.written, (c * steps + t) * height);
            places.set(update.place, (c * steps + t) * width);
        }
    }
    return { canvases, written, places };
}
