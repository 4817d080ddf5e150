// The encoder: from a picture to the latents of one that the painter paints. The layers are those of chapter 10c.
import { linear } from "./network.mjs";

/** A convolution with windows of 3 x 3, two pixels from one to the next, and the positive part of what it finds. */
function convolve({ image, channels, height, width }, weight, bias) {
    const [high, wide] = [Math.ceil(height / 2), Math.ceil(width / 2)];
    const found = new Float32Array(bias.length * high * wide);
    const sumAt = (filter, row, column) => {
        let sum = bias[filter];
        for (let c = 0; c < channels; c++) {
            for (let i = Math.max(0, row); i < Math.min(height, row + 3); i++) {
                for (let j = Math.max(0, column); j < Math.min(width, column + 3); j++) {
                    const at = ((filter * channels + c) * 3 + i - row) * 3 + j - column;
                    sum += weight[at] * image[(c * height + i) * width + j];
                }
            }
        }
        return sum;
    };
    for (let n = 0; n < found.length; n++) {
        const [filter, row, column] = [Math.floor(n / (high * wide)), Math.floor(n / wide) % high, n % wide];
        found[n] = Math.max(0, sumAt(filter, 2 * row - 1, 2 * column - 1));
    }
    return { image: found, channels: bias.length, height: high, width: wide };
}

/** The latents for an image (channels, height, width) of the painter's size. */
export function encode({ image, ...shape }, weights) {
    let x = { image: image.map((value) => 2 * value - 1), ...shape };
    for (let layer = 0; weights[`layers.${layer}.weight`]; layer++) {
        x = convolve(x, weights[`layers.${layer}.weight`], weights[`layers.${layer}.bias`]);
    }
    return linear(x.image, x.image.length, weights["to_latents.weight"], weights["to_latents.bias"]);
}

const GREY = [0.299, 0.587, 0.114]; // how bright red, green and blue look

/** A photograph with a painter's channels and size: its middle, the mean over what each pixel covers. */
export function asSeenBy({ channels, height, width }, photograph) {
    const scale = Math.min(photograph.height / height, photograph.width / width);
    const [high, wide] = [height, width].map((side) => Math.round(scale * side));
    const [top, left] = [(photograph.height - high) >> 1, (photograph.width - wide) >> 1];
    const size = photograph.height * photograph.width;
    const pixel = (c, i, j) => photograph.image[c * size + (top + i) * photograph.width + left + j];
    const grey = (_, i, j) => GREY.reduce((sum, share, c) => sum + share * pixel(c, i, j), 0);
    const value = photograph.channels > channels ? grey : (c, i, j) => pixel(c % photograph.channels, i, j);
    const image = new Float32Array(channels * height * width);
    for (let n = 0; n < image.length; n++) {
        const [c, row, column] = [Math.floor(n / (height * width)), Math.floor(n / width) % height, n % width];
        image[n] = meanOver(value.bind(null, c), covered(row, high, height), covered(column, wide, width));
    }
    return { image, channels, height, width };
}

/** The pixels of a longer side that one of a shorter side covers, all or in part, the last one excluded. */
function covered(place, longer, shorter) {
    return [Math.floor((place * longer) / shorter), Math.ceil(((place + 1) * longer) / shorter)];
}

function meanOver(value, [top, bottom], [left, right]) {
    let sum = 0;
    for (let i = top; i < bottom; i++) for (let j = left; j < right; j++) sum += value(i, j);
    return sum / ((bottom - top) * (right - left));
}
