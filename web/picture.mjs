// Pictures as pixels: canvases, updates around mid-grey with their value and key, learning rates as bars.

/** An image of (channels, height, width) in [0, 1] as ImageData; values outside are clamped. */
export function toImageData(image, channels, height, width) {
    const pixels = new ImageData(width, height);
    const size = height * width;
    for (let i = 0; i < size; i++) {
        for (let c = 0; c < 3; c++) { // assignment to pixels rounds and clamps
            pixels.data[4 * i + c] = 255 * image[(channels === 3 ? c : 0) * size + i];
        }
        pixels.data[4 * i + 3] = 255;
    }
    return pixels;
}

/** The canvas after a step, counted from 1, before any tanh. */
export function canvasAfter(painting, step) {
    const size = painting.channels * painting.height * painting.width;
    return painting.canvases.subarray((step - 1) * size, step * size);
}

function largest(values) {
    return values.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-12);
}

/** One step as in chapter 09: its update, the value as strips at its left, the key as strips below. */
export function framedUpdate(painting, step) {
    const { channels, steps, height, width } = painting;
    const thickness = Math.max(1, Math.floor(width / 24));
    const gap = Math.max(1, Math.floor(width / 32));
    const [left, below] = [channels * thickness, channels * thickness];
    const [wide, high] = [left + gap + width, height + gap + below];
    const framed = new Float32Array(channels * wide * high).fill(NaN);
    const pick = (values, c, size) => values.subarray((c * steps + step - 1) * size, (c * steps + step) * size);
    const all = (name, size) => Array.from({ length: channels }, (_, c) => pick(painting[name], c, size));
    const [written, places] = [all("written", height), all("places", width)];
    const most = Math.max(...written.map((w, c) => largest(w) * largest(places[c])));
    const valueMost = Math.max(...all("values", height).map(largest));
    const keyMost = Math.max(...all("keys", width).map(largest));
    const put = (c, row, column, x) => { framed[(c * high + row) * wide + column] = x; };
    for (let c = 0; c < channels; c++) {
        const [value, key] = [pick(painting.values, c, height), pick(painting.keys, c, width)];
        for (let i = 0; i < height; i++) {
            for (let j = 0; j < width; j++) {
                put(c, i, left + gap + j, 0.5 + (0.5 * written[c][i] * places[c][j]) / most);
            }
            for (let k = 0; k < left; k++) {
                const own = Math.floor(k / thickness) === c;
                put(c, i, k, own ? 0.5 + (0.4 * value[i]) / valueMost : 0.5);
            }
        }
        for (let j = 0; j < width; j++) {
            for (let k = 0; k < below; k++) {
                const own = Math.floor(k / thickness) === c;
                put(c, height + gap + k, left + gap + j, own ? key[j] / keyMost : 0);
            }
        }
    }
    return { image: framed, channels, height: high, width: wide };
}

/** Draw an image onto a canvas element; NaN is transparent. */
export function draw(element, { image, channels, height, width }) {
    if (element.width !== width || element.height !== height) [element.width, element.height] = [width, height];
    const pixels = toImageData(image, channels, height, width);
    for (let i = 0; i < height * width; i++) if (Number.isNaN(image[i])) pixels.data[4 * i + 3] = 0;
    element.getContext("2d").putImageData(pixels, 0, 0);
}

/** The learning rates of a painting: an array of steps for each channel (of vector rates the mean). */
export function rates(painting) {
    const { channels, steps, betas } = painting;
    const size = betas.length / (channels * steps);
    const mean = (at) => betas.subarray(at * size, (at + 1) * size).reduce((a, b) => a + b, 0) / size;
    return Array.from({ length: channels }, (_, c) => Array.from({ length: steps }, (_, t) => mean(c * steps + t)));
}

const COLOURS = { 1: ["currentColor"], 3: ["#d33", "#292", "#33d"] };

/** The learning rates as bars, the shown step marked: the content of an SVG element of 600 x 20 units a channel. */
export function rateBars(painting, step) {
    const rows = rates(painting);
    const wide = 600 / painting.steps;
    const most = Math.max(1, ...rows.flat());
    const mark = `<rect class="mark" x="${(step - 1) * wide}" y="0" width="${wide}" height="${20 * rows.length}"/>`;
    const bar = (c, t, rate) => {
        const high = (18 * Math.max(0, rate)) / most;
        const at = `x="${(t + 0.1) * wide}" y="${20 * (c + 1) - high}" width="${0.8 * wide}" height="${high}"`;
        return `<rect ${at} fill="${COLOURS[rows.length][c]}"/>`;
    };
    return mark + rows.map((row, c) => row.map((rate, t) => bar(c, t, rate)).join("")).join("");
}
