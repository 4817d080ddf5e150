// A person's own photograph, painted by the best strokes there are. It never leaves the browser.
//
// The best program of T strokes has the first T singular vectors as keys and values. Its keys are orthogonal: what the
// delta rule finds at a key is nothing, so it writes the same as the Hebbian rule, in whatever order.
import { Painter } from "./painter.mjs";
import { svd } from "./svd.mjs";

export const PHOTOGRAPH = "photograph"; // the name of this painter in the list
const [LONGEST, MOST] = [256, 64]; // side in pixels, strokes

/** A picture file as an image (channels, height, width) in [0, 1], grey if it has no colours. Throws an Error. */
export async function readPhotograph(file) {
    let bitmap;
    try {
        bitmap = await createImageBitmap(file);
    } catch {
        throw new Error(`${file.name || "this"} is no picture that this browser can read: choose a JPEG or PNG file`);
    }
    const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
    const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(scale * side)));
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, width, height);
    return imageOf(context.getImageData(0, 0, width, height).data, height, width);
}

/** Pixels with red, green, blue and opacity as an image. */
export function imageOf(pixels, height, width) {
    const size = height * width;
    const colour = pixels.some((x, i) => i % 4 < 3 && Math.abs(x - pixels[i - (i % 4)]) > 2);
    const channels = colour ? 3 : 1;
    const at = (i) => pixels[4 * (i % size) + Math.floor(i / size)] / 255;
    const image = Float32Array.from({ length: channels * size }, (_, i) => at(i));
    return { image, channels, height, width };
}

/**
 * The best strokes of an image: `rows` (steps, outputs) as a painter's head would give them, and `energies`, how much
 * of the sum of squares each step paints, with the image itself. `pause` is awaited between channels.
 */
export async function bestStrokes({ image, channels, height, width }, pause = () => {}) {
    const steps = Math.min(MOST, height, width);
    const outputs = channels * (height + width + 1); // keys of all channels, then values, then rates
    const rows = new Float32Array(steps * outputs);
    const energies = new Float64Array(steps);
    const size = height * width;
    for (let c = 0; c < channels; c++) {
        await pause();
        const found = svd(image.subarray(c * size, (c + 1) * size), height, width, steps);
        found.forEach(({ size: sigma, left, right }, t) => {
            rows.set(right, t * outputs + c * width);
            rows.set(left.map((x) => sigma * x), t * outputs + channels * width + c * height);
            rows[t * outputs + channels * (height + width) + c] = 1;
            energies[t] += sigma ** 2;
        });
    }
    const total = image.reduce((sum, x) => sum + x * x, 0);
    return { rows, energies, total, image, channels, height, width, steps };
}

/** What so many strokes leave over: the root of the mean squared error, in grey levels of 255. */
export function leftOver({ energies, total, channels, height, width }, steps) {
    const painted = energies.slice(0, steps).reduce((a, b) => a + b, 0);
    return 255 * Math.sqrt(Math.max(0, total - painted) / (channels * height * width));
}

/** The painter of one photograph, with its best `steps` strokes. */
export class Photograph extends Painter {
    constructor(strokes, steps) {
        const { channels, height, width } = strokes;
        const settings = {
            channels, steps: Math.min(steps, strokes.steps), image_size: height, image_width: width, latent_dim: 0,
            rule: "delta", plain_first: false, softmax_keys: false, tanh_values: false, sigmoid_betas: false,
            vector_betas: false, tanh_output: false, refined: false,
        };
        super({ tensors: {}, texts: { settings: JSON.stringify(settings) } });
        this.strokes = strokes;
    }

    async outputsOf() {
        return this.strokes.rows.subarray(0, (this.steps * this.strokes.rows.length) / this.strokes.steps);
    }
}
