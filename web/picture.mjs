// Pictures as pixels: images, strokes in colour for plus and minus, values and keys along the edges.
import { largest } from "./arrays.mjs";

/** An image (channels, height, width) in [0, 1] as ImageData; values outside are clamped. */
export function toImageData(image, { channels, height, width }) {
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

/** What is seen of canvases or strokes (channels, pixels): their channels through a matrix, if they are not colours. */
export function inColour(values, matrix) {
    if (!matrix) return values;
    const size = values.length / matrix.length;
    const seen = new Float32Array(values.length);
    matrix.forEach((factors, colour) => {
        for (let i = 0; i < size; i++) {
            for (let c = 0; c < factors.length; c++) seen[colour * size + i] += factors[c] * values[c * size + i];
        }
    });
    return seen;
}

/** Draw an image onto a canvas element, which takes its size. */
export function draw(element, image, shape) {
    const { height, width } = shape;
    if (element.width !== width || element.height !== height) [element.width, element.height] = [width, height];
    element.getContext("2d").putImageData(toImageData(image, shape), 0, 0);
}

export const PLUS = [0.91, 0.4, 0.02];
export const MINUS = [0.12, 0.4, 0.9];
const NONE = [0.97, 0.97, 0.97];

/** Numbers in [-1, 1] as an image of three channels: from blue over white to orange. */
export function diverging(numbers) {
    const size = numbers.length;
    const image = new Float32Array(3 * size);
    for (let i = 0; i < size; i++) {
        const end = numbers[i] < 0 ? MINUS : PLUS;
        for (let c = 0; c < 3; c++) image[c * size + i] = NONE[c] + Math.abs(numbers[i]) * (end[c] - NONE[c]);
    }
    return image;
}

/** What of a flat array (channels, steps, size) belongs to a step, counted from 1: an array for each channel. */
export function ofStep(values, { channels, steps }, step) {
    const size = values.length / (channels * steps);
    const at = (c) => (c * steps + step - 1) * size;
    return Array.from({ length: channels }, (_, c) => values.subarray(at(c), at(c) + size));
}

/** The stroke of a step as an image: grey ones in colours for plus and minus, coloured ones around mid-grey. */
export function strokeImage(painting, step) {
    const { channels, height, width } = painting;
    const [written, places] = [painting.written, painting.places].map((x) => ofStep(x, painting, step));
    const update = new Float32Array(channels * height * width);
    for (let c = 0; c < channels; c++) {
        for (let i = 0; i < height; i++) {
            for (let j = 0; j < width; j++) update[(c * height + i) * width + j] = written[c][i] * places[c][j];
        }
    }
    const seen = inColour(update, painting.matrix);
    const most = largest(seen);
    return channels === 3 ? seen.map((x) => 0.5 + (0.5 * x) / most) : diverging(seen.map((x) => x / most));
}

export function drawStroke(element, painting, step) {
    draw(element, strokeImage(painting, step), { ...painting, channels: 3 });
}

const css = (colour) => `rgb(${colour.map((x) => Math.round(255 * x)).join(" ")})`;
const RGB = ["rgb(210 40 40 / 60%)", "rgb(20 130 40 / 60%)", "rgb(40 70 220 / 60%)"];
const OPPONENT = ["rgb(128 128 128 / 70%)", "rgb(210 40 40 / 60%)", "rgb(210 170 0 / 60%)"];

/** The colours in which the channels of a painting are drawn; of opponent ones brightness, red-green, yellow-blue. */
export function channelColours({ channels, matrix }) {
    return channels === 1 ? ["#777"] : matrix ? OPPONENT : RGB;
}

/**
 * Draw a curve along an edge: an area from zero for each channel, and a thin line where it was before the rule
 * corrected it. `upright` curves run from top to bottom, others from left to right.
 */
export function drawCurve(element, areas, lines, { upright = false, colours = [] } = {}) {
    const length = areas[0].length;
    const [along, across] = [Math.max(length, 160), 48];
    [element.width, element.height] = upright ? [across, along] : [along, across];
    const context = element.getContext("2d");
    if (upright) context.transform(0, 1, 1, 0, 0, 0); // from here on the curve runs along x
    const most = Math.max(...areas.map(largest));
    const signed = areas.some((area) => area.some((x) => x < 0)) || upright;
    const zero = signed ? across / 2 : 0;
    const reach = (signed ? across / 2 : across) - 2;
    const to = (x) => zero + (reach * Math.min(1.1, Math.max(-1.1, x / most)));
    const wide = along / length;
    const fill = (area, colour, belongs) => {
        context.fillStyle = colour;
        context.beginPath();
        area.forEach((x, i) => { if (belongs(x)) context.rect(i * wide, zero, wide + 0.5, to(x) - zero); });
        context.fill();
    };
    areas.forEach((area, c) => {
        if (areas.length > 1) return fill(area, colours[c], () => true);
        fill(area, css(PLUS), (x) => x > 0);
        fill(area, css(MINUS), (x) => x < 0);
    });
    context.strokeStyle = getComputedStyle(element).color;
    context.lineWidth = 1;
    for (const line of lines) {
        context.beginPath();
        line.forEach((x, i) => context.lineTo((i + 0.5) * wide, to(x)));
        context.stroke();
    }
}
