// From the head's outputs to a program: keys, values, learning rates and gates, for a canvas of any size.
//
// A key and a value are curves along the edges of the canvas. On a larger canvas they are interpolated, and factors
// make up for the larger sums (chapter 00, "resample" and "resizing_gains").
import { sigmoid, softmax } from "./arrays.mjs";
import { RULES } from "./rules.mjs";

/** A curve with `size` samples, interpolated between those it has. */
export function resample(curve, size) {
    const old = curve.length;
    if (size === old) return curve;
    const finer = new Float32Array(size);
    for (let i = 0; i < size; i++) {
        const place = Math.max(0, ((i + 0.5) * old) / size - 0.5);
        const left = Math.floor(place);
        const right = Math.min(left + 1, old - 1);
        finer[i] = curve[left] + (place - left) * (curve[right] - curve[left]);
    }
    return finer;
}

/** An image (channels, height, width) in another size. */
export function resampleImage(image, from, to) {
    const [channels, rows] = [image.length / (from.height * from.width), []];
    for (let i = 0; i < channels * from.height; i++) {
        rows.push(resample(image.subarray(i * from.width, (i + 1) * from.width), to.width));
    }
    const result = new Float32Array(channels * to.height * to.width);
    for (let c = 0; c < channels; c++) {
        for (let j = 0; j < to.width; j++) {
            const column = Float32Array.from({ length: from.height }, (_, i) => rows[c * from.height + i][j]);
            resample(column, to.height).forEach((x, i) => { result[(c * to.height + i) * to.width + j] = x; });
        }
    }
    return result;
}

/** Factors on keys, values and places with which a rule paints on a finer canvas what it painted before. */
function gains(rule, finerHeight, finerWidth, softmaxKeys) {
    if (RULES[rule].reads === "keys") {
        const root = Math.sqrt(finerWidth);
        return { keys: softmaxKeys ? root : 1 / root, values: root, places: 1 };
    }
    if (softmaxKeys) return { keys: finerWidth, values: 1 / finerHeight, places: finerHeight * finerWidth };
    const root = Math.sqrt(finerHeight);
    return { keys: root, values: 1 / root, places: 1 };
}

/** A painter's own size. */
export function sizeOf(settings) {
    return { height: settings.image_size, width: settings.image_width ?? settings.image_size };
}

const times = (factor) => (x) => factor * x;

/** What becomes of each kind of output: how many of one channel, their new number, and what they go through. */
function kinds(settings, size, gain) {
    const own = sizeOf(settings);
    const { has_betas: hasBetas, gates } = RULES[settings.rule];
    const key = times(gain.keys * ((settings.softmax_keys && settings.key_gain) || 1));
    const value = times(gain.values * ((settings.tanh_values && settings.value_gain) || 1));
    const betas = !hasBetas ? 0 : settings.vector_betas ? own.height : 1;
    return {
        keys: [own.width, size.width, (curve) => (settings.softmax_keys ? softmax(curve) : curve).map(key)],
        values: [own.height, size.height, (curve) => (settings.tanh_values ? curve.map(Math.tanh) : curve).map(value)],
        betas: [betas, betas > 1 ? size.height : betas, (x) => (settings.sigmoid_betas ? x.map(sigmoid) : x)],
        ...Object.fromEntries(Object.keys(gates).map((name) => [name, [1, 1, (x) => x.map(sigmoid)]])),
    };
}

/** The program in a head's outputs (steps, ...), for a canvas of a size that the named rule is to write. */
export function programOf(outputs, settings, size = sizeOf(settings), rule = settings.rule) {
    const { channels, steps } = settings;
    const own = sizeOf(settings);
    const gain = gains(rule, size.height / own.height, size.width / own.width, settings.softmax_keys);
    const found = {};
    let at = 0; // where a kind begins in the outputs of a step
    for (const [name, [old, now, through]] of Object.entries(kinds(settings, size, gain))) {
        found[name] = new Float32Array(channels * steps * now);
        for (let t = 0; t < steps && now; t++) {
            for (let c = 0; c < channels; c++) {
                const from = (t * outputs.length) / steps + at + c * old;
                found[name].set(through(resample(outputs.subarray(from, from + old), now)), (c * steps + t) * now);
            }
        }
        at += channels * old;
    }
    const { keys, values, betas, ...gates } = found;
    const rates = betas.length ? betas : new Float32Array(channels * steps).fill(1);
    const placeGain = gain.places * (settings.place_gain ?? 1);
    return { channels, steps, ...size, keys, values, betas: rates, gates, placeGain, matrix: settings.colour_matrix };
}
