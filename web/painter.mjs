// A trained painter, run by onnxruntime: latents become a program; for a refined painter, a canvas becomes a picture.
import * as ort from "./vendor/ort.wasm.min.mjs";
import { asUsed, paint } from "./edit.mjs";
import { inColour } from "./picture.mjs";
import { randn } from "./random.mjs";
import { resized } from "./resize.mjs";

ort.env.wasm.numThreads = 1; // more need headers that a plain file server does not send
ort.env.wasm.wasmPaths = new URL("./vendor/", import.meta.url).href;

/** The painters of this page: `[{name, title}, ...]`. */
export async function listPainters() {
    return (await fetchFile("painters.json")).json();
}

async function fetchFile(path) {
    const answer = await fetch(new URL(path, import.meta.url));
    if (!answer.ok) throw new Error(`${path} cannot be loaded (${answer.status} ${answer.statusText})`);
    return answer;
}

async function session(path) {
    return ort.InferenceSession.create(new Uint8Array(await (await fetchFile(path)).arrayBuffer()));
}

/** What `export_onnx` wrote of a painter, with the settings beside it as properties. */
export class Painter {
    static async load(name) {
        const file = `models/${encodeURIComponent(name)}`; // a name may have blanks, or signs like #
        const painter = Object.assign(new Painter(), await (await fetchFile(`${file}.json`)).json());
        painter.network = await session(`${file}.onnx`);
        painter.refiner = painter.refined ? await session(`${file}.refiner.onnx`) : null;
        painter.initial = painter.initial && Float32Array.from(painter.initial);
        return painter;
    }

    /** The latents of a seed, as `sample_latents(painter, 1, seed)` draws them. */
    latents(seed) {
        return randn(this.latent_dim, seed);
    }

    /** The program that the network invents for latents, its learning rates as the rule uses them. */
    async program(latents) {
        const made = await this.network.run({ latents: new ort.Tensor("float32", latents, [1, this.latent_dim]) });
        const { keys, values, betas, ...gates } = Object.fromEntries(
            Object.entries(made).map(([name, tensor]) => [name, tensor.data]),
        );
        const { channels, steps, height, width } = this;
        return asUsed({ channels, steps, height, width, keys, values, betas, gates }, this);
    }

    /** The final picture of a painting, (channels, height, width), not clamped. */
    async picture(painting) {
        const size = painting.channels * painting.height * painting.width;
        const canvas = painting.canvases.slice(-size);
        if (!this.refiner) return this.shown(canvas);
        const shape = [1, painting.channels, painting.height, painting.width];
        return (await this.refiner.run({ canvas: new ort.Tensor("float32", canvas, shape) })).image.data;
    }

    /** A canvas as an image. */
    shown(canvas) {
        const seen = inColour(canvas, this.colours);
        return this.tanh_output ? seen.map(Math.tanh) : seen;
    }

    paint(program) {
        return paint(program, this);
    }

    /** A painting as large as wanted, painted, not enlarged; as it is, if a refiner of one size has to finish it. */
    large(painting, height, onlyLast = false) {
        return this.refiner ? painting : resized(painting, this, height, onlyLast);
    }
}
