// Another size: a program is resampled, and written again, as in chapters 00 and 01. The picture is painted large.
import { paint } from "./edit.mjs";
import { RULES, softmax } from "./rules.mjs";

/** Rows of `old` samples each, interpolated to rows of `size` samples. */
export function resample(values, old, size) {
    const made = new Float32Array((values.length / old) * size);
    for (let i = 0; i < made.length; i++) {
        const at = Math.min(old - 1, Math.max(0, (((i % size) + 0.5) * old) / size - 0.5));
        const [left, row] = [Math.floor(at), Math.floor(i / size) * old];
        const right = Math.min(old - 1, left + 1);
        made[i] = values[row + left] + (at - left) * (values[row + right] - values[row + left]);
    }
    return made;
}

/** Keys that came out of a softmax: what went into it is resampled, and the softmax taken again. */
function resampledSoftmax(keys, old, size) {
    const logits = resample(keys.map((x) => Math.log(Math.max(x, 1e-38))), old, size);
    for (let at = 0; at < logits.length; at += size) {
        const total = keys.subarray((at / size) * old, (at / size + 1) * old).reduce((a, b) => a + b, 0);
        logits.set(softmax(logits.subarray(at, at + size)).map((x) => total * x), at);
    }
    return logits;
}

/** A canvas of (channels, height, width), interpolated. */
function resampledCanvas(values, { height, width }, large) {
    const wide = resample(values, width, large.width);
    const columns = new Float32Array((wide.length / height) * large.height);
    const [size, to] = [height * large.width, large.height * large.width];
    for (let c = 0; c * size < wide.length; c++) {
        for (let j = 0; j < large.width; j++) {
            const column = Float32Array.from({ length: height }, (_, i) => wide[c * size + i * large.width + j]);
            resample(column, height, large.height).forEach((x, i) => { columns[c * to + i * large.width + j] = x; });
        }
    }
    return columns;
}

/** A painting in another height, its width in proportion; all its canvases, or with `onlyLast` the last alone. */
export function resized(painting, painter, height, onlyLast = false) {
    const large = { height, width: Math.max(1, Math.round((height * painting.width) / painting.height)) };
    const [tall, wide] = [large.height / painting.height, large.width / painting.width];
    const { rule, channels, steps } = painting;
    const byKeys = RULES[rule].reads === "keys";
    const twice = !byKeys && painter.softmax_keys; // Oja's rule with its second softmax
    const root = Math.sqrt(byKeys ? wide : tall);
    let [keyGain, valueGain] = byKeys ? [1 / root, root] : [root, 1 / root];
    if (twice) [keyGain, valueGain] = [1, 1 / tall];
    if (painter.softmax_keys) keyGain *= wide; // by which the softmax has divided them
    const keys = (painter.softmax_keys ? resampledSoftmax : resample)(painting.keys, painting.width, large.width);
    const betaSize = painting.betas.length / (channels * steps);
    const program = {
        ...painting, ...large,
        keys: keys.map((x) => keyGain * x),
        values: resample(painting.values, painting.height, height).map((x) => valueGain * x),
        betas: betaSize > 1 ? resample(painting.betas, betaSize, height) : painting.betas,
    };
    const initial = painter.initial && resampledCanvas(painter.initial, painting, large);
    const placeGain = painter.place_gain * (twice ? tall * wide : 1);
    return paint(program, { ...painter, initial, place_gain: placeGain }, rule, onlyLast);
}
