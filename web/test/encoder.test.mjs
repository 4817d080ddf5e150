// What a painter sees of a photograph, and the latents that its encoder finds, against fpa_nb.
import { test } from "node:test";
import assert from "node:assert/strict";

import { asSeenBy, encode } from "../encoder.mjs";
import { Painter } from "../painter.mjs";
import { readSafetensors } from "../safetensors.mjs";
import { bufferOf, cases, close, skip } from "./cases.mjs";

test("a painter sees the middle of a photograph, in its own size and colours", { skip }, () => {
    assert.ok(cases.encoders.length >= 6);
    for (const { name, shape, photograph, seen } of cases.encoders) {
        const given = { ...photograph, image: Float32Array.from(photograph.image) };
        close(asSeenBy(shape, given).image, seen, 1e-5, name);
    }
});

test("every encoder finds the latents that torch finds", { skip }, () => {
    for (const { name, shape, encoder, seen, latents } of cases.encoders) {
        const { tensors } = readSafetensors(bufferOf(encoder));
        close(encode({ ...shape, image: Float32Array.from(seen) }, tensors), latents, 1e-4, name);
    }
});

test("trained encoders find pictures that torch finds", { skip }, async () => {
    for (const { name, file, encoder, given, nearest } of cases.trained) {
        const painter = new Painter(readSafetensors(bufferOf(file)));
        const latents = encode({ ...painter, image: Float32Array.from(given) }, readSafetensors(bufferOf(encoder)).tensors);
        const painted = await painter.picture(painter.paint(painter.program(painter.outputs(latents))));
        close(painted, nearest, 1 / 255, name);
    }
});
