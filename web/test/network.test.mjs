// The network against torch, from the files that the page loads.
import { test } from "node:test";
import assert from "node:assert/strict";

import { applyEdit } from "../edit.mjs";
import { Painter } from "../painter.mjs";
import { programOf, resample } from "../program.mjs";
import { canvasAfter, RULES } from "../rules.mjs";
import { readSafetensors } from "../safetensors.mjs";
import { bufferOf, cases, close, skip } from "./cases.mjs";

test("every network makes the program and the picture that torch makes", { skip }, async () => {
    assert.ok(cases.networks.length >= 12);
    for (const { name, file, latents, program, picture } of cases.networks) {
        const painter = new Painter(readSafetensors(bufferOf(file)));
        const outputs = painter.outputs(Float32Array.from(latents));
        const made = programOf(outputs, painter.settings);
        for (const part of ["keys", "values", "betas"]) close(made[part], program[part], 1e-4, `${name}: ${part}`);
        close(await painter.picture(painter.paint(painter.program(outputs))), picture, 1e-4, name);
    }
});

test("trained painters with weights in half precision paint what torch and onnxruntime paint", { skip }, async () => {
    for (const { name, file, opening, seed, picture, onnx } of cases.trained) {
        const painter = new Painter(readSafetensors(bufferOf(file)));
        const painted = await painter.picture(painter.paint(painter.program(painter.outputs(painter.latents(seed)))));
        close(painted, picture, 1 / 255, `${name} and torch`);
        close(painted, onnx, 1 / 255, `${name} and onnxruntime`);
        const { tensors } = readSafetensors(bufferOf(opening));
        const atOnce = await painter.picture(painter.paint(painter.program(tensors.outputs)));
        close(atOnce, picture, 1 / 255, `${name} at once`);
    }
});

test("a network and a rule are fast", { skip }, async (t) => {
    const { file } = cases.trained.at(-1);
    const painter = new Painter(readSafetensors(bufferOf(file)));
    const cost = (run) => Math.min(...Array.from({ length: 8 }, () => { // of the processor, whatever else runs on it
        const begin = process.cpuUsage();
        run();
        const { user, system } = process.cpuUsage(begin);
        return (user + system) / 1000;
    }));
    const outputs = painter.outputs(painter.latents(0));
    const size = { height: 6 * painter.height, width: 6 * painter.width };
    const network = cost(() => painter.outputs(painter.latents(1)));
    const rule = cost(() => {
        const painting = painter.paint(painter.program(outputs, size));
        painter.shown(canvasAfter(painting, painter.steps));
    });
    t.diagnostic(`network ${network.toFixed(1)} ms, rule at ${size.width} pixels ${rule.toFixed(1)} ms`);
    assert.ok(network < 100 && rule < 30, `${network} ms and ${rule} ms`);
});

test("curves are resampled as torch does it", { skip }, () => {
    for (const { curve, size, wanted } of cases.resampled) {
        close(resample(Float32Array.from(curve), size), wanted, 1e-5, `${curve.length} to ${size}`);
    }
});

test("a picture of another size is the one that fpa_nb paints", { skip }, async () => {
    for (const { name, file, latents, height, width, picture } of cases.sizes) {
        const painter = new Painter(readSafetensors(bufferOf(file)));
        const program = painter.program(painter.outputs(Float32Array.from(latents)), { height, width });
        close(await painter.picture(painter.paint(program)), picture, 1e-3, name);
    }
});

/** An image's mean over squares of `times` x `times` pixels. */
function reduced(image, { channels, height, width }, times) {
    const means = new Float32Array(channels * height * width);
    image.forEach((x, i) => {
        const [wide, high] = [times * width, times * height];
        const [c, row, column] = [Math.floor(i / (wide * high)), Math.floor(i / wide) % high, i % wide];
        means[(c * height + Math.floor(row / times)) * width + Math.floor(column / times)] += x / times ** 2;
    });
    return means;
}

test("a picture of another size shows the same, whatever the rule", { skip }, async () => {
    for (const { name, file } of cases.trained) {
        const painter = new Painter(readSafetensors(bufferOf(file)));
        const outputs = painter.outputs(painter.latents(3));
        const none = { off: [], scale: 1, borrow: [], order: "as painted" };
        for (const rule of Object.keys(RULES)) {
            const paintedAt = async (times) => {
                const size = { height: times * painter.height, width: times * painter.width };
                const program = painter.program(outputs, size, rule);
                return painter.picture(applyEdit(program, painter.writing(size), { ...none, rule }, program));
            };
            const own = await paintedAt(1);
            const fine = reduced(await paintedAt(4), painter, 4);
            const off = own.reduce((sum, x, i) => sum + Math.abs(x - fine[i]), 0) / own.length;
            assert.ok(off < 0.05, `${name}, ${rule}: off by ${off}`);
        }
    }
});
