// The programming rules: a program of keys, values and learning rates becomes a weight matrix, the canvas.
//
// A program holds flat arrays: keys (channels, steps, width), values (channels, steps, height), betas (channels,
// steps, 1 or height), and for some rules `gates`, each (channels, steps). The rules are those of chapter 00. The
// canvas W is kept as what was written into it, a column times a row for each step, so that a step costs as little on
// a large canvas as on a small one.
import { dot, softmax } from "./arrays.mjs";

/** One channel's canvas, a sum of columns times rows: W = share_0 initial + sum_s share_s written_s place_s. */
class Memory {
    constructor(height, width, initial) {
        Object.assign(this, { height, width, initial, share: 1, writes: [], faded: 1 });
    }

    /** What W holds at a key: W k. */
    read(key) {
        const held = new Float64Array(this.height);
        if (this.initial) {
            for (let i = 0; i < this.height; i++)
                for (let j = 0; j < this.width; j++) held[i] += this.share * this.initial[i * this.width + j] * key[j];
        }
        for (const { written, place, share } of this.writes) {
            const overlap = share * dot(place, 0, key, 0, this.width);
            for (let i = 0; i < this.height; i++) held[i] += overlap * written[i];
        }
        return held;
    }

    /** What W holds under a value: W' v. */
    readBack(value) {
        const held = new Float64Array(this.width);
        if (this.initial) {
            for (let i = 0; i < this.height; i++)
                for (let j = 0; j < this.width; j++)
                    held[j] += this.share * this.initial[i * this.width + j] * value[i];
        }
        for (const { written, place, share } of this.writes) {
            const overlap = share * dot(written, 0, value, 0, this.height);
            for (let j = 0; j < this.width; j++) held[j] += overlap * place[j];
        }
        return held;
    }

    /** Multiply W by a factor. */
    fade(factor) {
        this.faded = factor;
        this.share *= factor;
        for (const write of this.writes) write.share *= factor;
    }
}

/** W_t = W + beta v k: add the value at the key, whatever is there already. */
function hebbian(W, { key, value, beta }) {
    return { written: value.map((v, i) => beta(i) * v), place: key };
}

/** W_t = W + beta (v - W k) k: write what is missing at the key. */
function delta(W, { key, value, beta }) {
    const held = W.read(key);
    return { written: value.map((v, i) => beta(i) * (v - held[i])), place: key };
}

/** W_t = W + beta v (k - W' v): write at what is new in the key. */
function oja(W, { key, value, beta, softmaxKeys, placeGain }) {
    const held = W.readBack(value);
    const place = key.map((k, j) => k - held[j]);
    return {
        written: value.map((v, i) => beta(i) * v),
        place: softmaxKeys ? softmax(place).map((x) => placeGain * x) : place,
    };
}

/** The delta rule on a canvas that first fades by a factor. */
function gatedDelta(W, step) {
    W.fade(step.gate("decays"));
    return delta(W, step);
}

/**
 * The rules by name: what they do in a step, their titles, what they multiply the canvas with before they write,
 * whether they need learning rates, and their gates with the value that does nothing.
 */
export const RULES = {
    delta: { step: delta, title: "delta", reads: "keys", has_betas: true, gates: {} },
    hebbian: { step: hebbian, title: "Hebbian", reads: "keys", has_betas: false, gates: {} },
    oja: { step: oja, title: "Oja", reads: "values", has_betas: true, gates: {} },
    gated_delta: { step: gatedDelta, title: "gated delta", reads: "keys", has_betas: true, gates: { decays: 1 } },
};

/** One channel's step of a program. */
function stepOf(program, c, t, softmaxKeys) {
    const { steps, height, width, betas, gates, placeGain = 1 } = program;
    const at = c * steps + t;
    const betaSize = betas.length / (program.channels * steps);
    return {
        softmaxKeys, placeGain,
        key: Float64Array.from(program.keys.subarray(at * width, (at + 1) * width)),
        value: Float64Array.from(program.values.subarray(at * height, (at + 1) * height)),
        beta: (row) => betas[at * betaSize + (betaSize > 1 ? row : 0)],
        gate: (name) => (name in gates ? gates[name][at] : RULES.gated_delta.gates[name]),
    };
}

/**
 * Run a rule over a program. Returns the factors of each update, `written` (channels, steps, height) and `places`
 * (channels, steps, width), and `fades` (channels, steps), by what the canvas was multiplied before each.
 */
export function write(program, ruleName, { initial = null, softmaxKeys = false } = {}) {
    const rule = RULES[ruleName];
    if (!rule) throw new RangeError(`unknown rule ${ruleName}; known: ${Object.keys(RULES).join(", ")}`);
    const { channels, steps, height, width } = program;
    const size = height * width;
    const written = new Float32Array(channels * steps * height);
    const places = new Float32Array(channels * steps * width);
    const fades = new Float32Array(channels * steps);
    for (let c = 0; c < channels; c++) {
        const W = new Memory(height, width, initial && initial.subarray(c * size, (c + 1) * size));
        for (let t = 0; t < steps; t++) {
            const update = rule.step(W, stepOf(program, c, t, softmaxKeys));
            fades[c * steps + t] = W.faded;
            W.writes.push({ ...update, share: 1 });
            written.set(update.written, (c * steps + t) * height);
            places.set(update.place, (c * steps + t) * width);
        }
    }
    return { written, places, fades, initial };
}

/** The canvas (channels, height, width) after a step, counted from 1; after step 0 it is as it was before. */
export function canvasAfter(painting, step) {
    const { channels, steps, height, width, written, places, fades, initial } = painting;
    const size = height * width;
    const canvas = new Float32Array(channels * size);
    for (let c = 0; c < channels; c++) {
        const shares = new Float64Array(step);
        let share = 1;
        for (let t = step - 1; t >= 0; t--) {
            shares[t] = share;
            share *= fades[c * steps + t];
        }
        if (initial) for (let i = 0; i < size; i++) canvas[c * size + i] = share * initial[c * size + i];
        for (let i = 0; i < height; i++) {
            const factors = shares.map((kept, t) => kept * written[(c * steps + t) * height + i]);
            const row = canvas.subarray(c * size + i * width, c * size + (i + 1) * width);
            addRows(row, factors, places, c * steps * width);
        }
    }
    return canvas;
}

/** Add rows of `places`, which begin at an index, each times its factor; four at a time, which is faster. */
function addRows(sums, factors, places, begin) {
    const width = sums.length;
    const fours = factors.length - (factors.length % 4);
    for (let t = 0; t < fours; t += 4) {
        const [a, b, c, d] = [factors[t], factors[t + 1], factors[t + 2], factors[t + 3]];
        const first = begin + t * width;
        const second = first + width;
        const third = second + width;
        const fourth = third + width;
        for (let j = 0; j < width; j++) {
            sums[j] += a * places[first + j] + b * places[second + j] + c * places[third + j] + d * places[fourth + j];
        }
    }
    for (let t = fours; t < factors.length; t++) {
        for (let j = 0; j < width; j++) sums[j] += factors[t] * places[begin + t * width + j];
    }
}
