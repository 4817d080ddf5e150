// A refiner, run by onnxruntime: a canvas becomes a picture. Only a refined painter needs this module and its runtime.
import { fetchBuffer } from "./fetch.mjs";

async function runtime() {
    if (!globalThis.WebAssembly) {
        throw new Error("this painter needs WebAssembly, which this browser lacks or forbids: choose another painter");
    }
    const ort = await import("./vendor/ort.wasm.min.mjs");
    ort.env.wasm.numThreads = 1; // more need headers that a plain file server does not send
    ort.env.wasm.wasmPaths = new URL("./vendor/", import.meta.url).href;
    return ort;
}

/** A function from the canvas of a painting to its refined picture, both flat (channels, height, width). */
export async function loadRefiner(path) {
    const [ort, model] = await Promise.all([runtime(), fetchBuffer(path)]);
    const session = await ort.InferenceSession.create(new Uint8Array(model));
    return async (canvas, { channels, height, width }) => {
        const shape = [1, channels, height, width];
        return (await session.run({ canvas: new ort.Tensor("float32", canvas, shape) })).image.data;
    };
}
