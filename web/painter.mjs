// A trained painter: latents become the head's outputs, those a program, and that a painting of any size.
import { asUsed, paint } from "./edit.mjs";
import { asSeenBy, encode } from "./encoder.mjs";
import { fetchBuffer } from "./fetch.mjs";
import { headOutputs } from "./network.mjs";
import { inColour } from "./picture.mjs";
import { programOf, resampleImage, sizeOf } from "./program.mjs";
import { randn } from "./random.mjs";
import { canvasAfter } from "./rules.mjs";
import { readSafetensors } from "./safetensors.mjs";

const KEPT = 64; // outputs of so many seeds

/** What `fpa_nb.browser` wrote of a painter: first the outputs for one seed, then the weights for all others. */
export class Painter {
    #outputs = new Map(); // of the network, by seed
    #initials = new Map(); // the learned canvas in other sizes
    #encoder = null; // its file, once that is needed
    #found = new WeakMap(); // latents, by photograph

    constructor({ tensors, texts }) {
        this.settings = JSON.parse(texts.settings);
        const { steps, channels, rule, refined, latent_dim: latentDim } = this.settings;
        Object.assign(this, { steps, channels, rule, refined, latentDim, ...sizeOf(this.settings) });
        Object.assign(this, { weights: tensors, refine: null, complete: !tensors.outputs, loaded: Promise.resolve() });
    }

    /** What can be painted at once: the picture of a seed. The rest is loaded meanwhile, `progress(bytes)` telling. */
    static async open(name, seed, progress) {
        const file = `models/${encodeURIComponent(name)}`; // a name may have blanks, or signs like #
        const painter = new Painter(readSafetensors(await fetchBuffer(`${file}.opening.safetensors`)));
        painter.#outputs.set(seed, painter.weights.outputs);
        painter.file = file;
        painter.loaded = painter.#complete(file, progress);
        painter.loaded.catch(() => {}); // told to those who wait for it
        return painter;
    }

    async #complete(file, progress) {
        const weights = readSafetensors(await fetchBuffer(`${file}.safetensors`, progress)).tensors;
        if (this.refined) {
            const { loadRefiner } = await import("./refiner.mjs");
            this.refine = await loadRefiner(`${file}.refiner.onnx`);
        }
        this.weights = weights;
        this.complete = true;
    }

    /** The latents of a seed, as `sample_latents(painter, 1, seed)` draws them. */
    latents(seed) {
        return randn(this.latentDim, seed);
    }

    /** The latents that the painter's encoder finds for a photograph. */
    async latentsFor(photograph) {
        this.#encoder ??= await fetchBuffer(`${this.file}.encoder.safetensors`).then(readSafetensors);
        if (!this.#found.has(photograph)) {
            this.#found.set(photograph, encode(asSeenBy(this, photograph), this.#encoder.tensors));
        }
        return this.#found.get(photograph);
    }

    /** What the network says for latents: all that is needed to paint. */
    outputs(latents) {
        return headOutputs(latents, this.weights, this.settings);
    }

    /** The same for a seed, as soon as the weights are there; those of the last seeds are kept. */
    async outputsOf(seed) {
        if (!this.#outputs.has(seed)) {
            await this.loaded;
            if (this.#outputs.size >= KEPT) this.#outputs.delete(this.#outputs.keys().next().value);
            this.#outputs.set(seed, this.outputs(this.latents(seed)));
        }
        return this.#outputs.get(seed);
    }

    /** The canvas to begin with in a size, or null for an empty one. */
    initial(size) {
        const { canvas } = this.weights;
        if (!canvas) return null;
        const name = `${size.height} x ${size.width}`;
        if (!this.#initials.has(name)) this.#initials.set(name, resampleImage(canvas, this, size));
        return this.#initials.get(name);
    }

    /** What a rule has to know besides the program, for a canvas of a size. */
    writing(size = this) {
        const { rule, softmax_keys, plain_first } = this.settings;
        return { rule, softmax_keys, plain_first, initial: this.initial(size) };
    }

    /** The program in the network's outputs, its learning rates as the rule uses them. */
    program(outputs, size = this, rule = this.rule) {
        const { height, width } = size;
        return asUsed(programOf(outputs, this.settings, { height, width }, rule), this.writing(size));
    }

    paint(program) {
        return paint(program, this.writing(program));
    }

    /** A canvas (channels, height, width) as an image, not clamped. */
    shown(canvas) {
        const { tanh_output: squashed, colour_matrix: matrix } = this.settings;
        const seen = inColour(canvas, matrix);
        return squashed ? seen.map(Math.tanh) : seen;
    }

    /** The final picture of a painting (channels, height, width), not clamped; a refiner makes it if there is one. */
    async picture(painting) {
        const canvas = canvasAfter(painting, painting.steps);
        if (this.refined) await this.loaded;
        return this.refine ? this.refine(canvas, painting) : this.shown(canvas);
    }
}
