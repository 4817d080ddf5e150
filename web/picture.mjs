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

const CONTRAST = 0.35; // of opponent colours, where that of the brightness is 1

/** What is seen of canvases or updates, (channels, pixels): opponent colours become red, green and blue. */
export function inColour(values, colours) {
    if (colours !== "opponent") return values;
    const size = values.length / 3;
    const seen = new Float32Array(values.length);
    for (let i = 0; i < size; i++) {
        const redGreen = CONTRAST * values[size + i];
        const yellowBlue = (CONTRAST / Math.sqrt(3)) * values[2 * size + i];
        seen[i] = values[i] + redGreen + yellowBlue;
        seen[size + i] = values[i] - redGreen + yellowBlue;
        seen[2 * size + i] = values[i] - 2 * yellowBlue;
    }
    return seen;
}

/** The canvas after a step, counted from 1, before any tanh. */
export function canvasAfter(painting, step) {
    const size = painting.channels * painting.height * painting.width;
    return painting.canvases.subarray((step - 1) * size, step * size);
}

function largest(values) {
    return values.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-12);
}

/** The update of a step as it is seen, (channels, height, width), from -1 to 1. */
function seenUpdate(painting, step, colours) {
    const { channels, steps, height, width } = painting;
    const update = new Float32Array(channels * height * width);
    for (let c = 0; c < channels; c++) {
        const at = c * steps + step - 1;
        for (let i = 0; i < height; i++) {
            const written = painting.written[at * height + i];
            for (let j = 0; j < width; j++) {
                update[(c * height + i) * width + j] = written * painting.places[at * width + j];
            }
        }
    }
    const seen = inColour(update, colours);
    const most = largest(seen);
    return seen.map((x) => x / most);
}

/** One step as in chapter 09: its update, the value as strips at its left, the key as strips below. */
export function framedUpdate(painting, step, colours = "rgb") {
    const { channels, steps, height, width } = painting;
    const thickness = Math.max(1, Math.floor(width / 24));
    const gap = Math.max(1, Math.floor(width / 32));
    const [left, below] = [channels * thickness, channels * thickness];
    const [wide, high] = [left + gap + width, height + gap + below];
    const framed = new Float32Array(channels * wide * high).fill(NaN);
    const all = (name, size) => Array.from({ length: channels }, (_, c) =>
        painting[name].subarray((c * steps + step - 1) * size, (c * steps + step) * size));
    const [values, keys] = [all("values", height), all("keys", width)];
    const [valueMost, keyMost] = [values, keys].map((each) => Math.max(...each.map(largest)));
    const update = seenUpdate(painting, step, colours);
    const own = Array.from({ length: channels }, (_, line) => { // a strip's colour
        const colour = inColour(Float32Array.from({ length: channels }, (_, c) => Number(c === line)), colours);
        return colour.map((x) => x / Math.max(...colour));
    });
    const put = (c, row, column, x) => { framed[(c * high + row) * wide + column] = x; };
    for (let c = 0; c < channels; c++) {
        for (let i = 0; i < height; i++) {
            for (let j = 0; j < width; j++) put(c, i, left + gap + j, 0.5 + 0.5 * update[(c * height + i) * width + j]);
            for (let k = 0; k < left; k++) {
                const line = Math.floor(k / thickness);
                put(c, i, k, 0.5 + (0.4 * own[line][c] * values[line][i]) / valueMost);
            }
        }
        for (let j = 0; j < width; j++) {
            for (let k = 0; k < below; k++) {
                const line = Math.floor(k / thickness);
                put(c, height + gap + k, left + gap + j, (own[line][c] * keys[line][j]) / keyMost);
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

const COLOURS = { grey: ["currentColor"], rgb: ["#d33", "#292", "#33d"], opponent: ["currentColor", "#d33", "#ca0"] };

/** The learning rates as bars, the shown step marked: the content of an SVG element of 600 x 20 units a channel. */
export function rateBars(painting, step, colours = "rgb") {
    const rows = rates(painting);
    const fills = COLOURS[rows.length === 1 ? "grey" : colours];
    const wide = 600 / painting.steps;
    const most = Math.max(1, ...rows.flat());
    const mark = `<rect class="mark" x="${(step - 1) * wide}" y="0" width="${wide}" height="${20 * rows.length}"/>`;
    const bar = (c, t, rate) => {
        const high = (18 * Math.max(0, rate)) / most;
        const at = `x="${(t + 0.1) * wide}" y="${20 * (c + 1) - high}" width="${0.8 * wide}" height="${high}"`;
        return `<rect ${at} fill="${fills[c]}"/>`;
    };
    return mark + rows.map((row, c) => row.map((rate, t) => bar(c, t, rate)).join("")).join("");
}
