// The singular value decomposition, and a photograph painted with it.
import { test } from "node:test";
import assert from "node:assert/strict";

import { applyEdit } from "../edit.mjs";
import { bestStrokes, imageOf, leftOver, Photograph } from "../photograph.mjs";
import { svd } from "../svd.mjs";
import { cases, close, skip } from "./cases.mjs";

test("singular values are those of torch, for matrices of any shape and rank", { skip }, () => {
    assert.ok(cases.matrices.length >= 4);
    for (const { name, rows, columns, matrix, sizes } of cases.matrices) {
        const found = svd(Float32Array.from(matrix), rows, columns, sizes.length);
        close(found.map(({ size }) => size), sizes, 1e-4, name);
        const sum = new Float64Array(rows * columns);
        for (const { size, left, right } of found) {
            for (let i = 0; i < rows; i++)
                for (let j = 0; j < columns; j++) sum[i * columns + j] += size * left[i] * right[j];
        }
        close(sum, matrix, 1e-4, name);
    }
});

function picture(channels, height, width) {
    const value = (c, i, j) => 0.5 + 0.25 * Math.sin((c + 1) * 0.3 * i + 0.01 * i * j) + 0.2 * Math.cos(0.7 * j + c);
    const image = new Float32Array(channels * height * width);
    for (let n = 0; n < image.length; n++) {
        const [c, i, j] = [Math.floor(n / (height * width)), Math.floor(n / width) % height, n % width];
        image[n] = value(c, i, j);
    }
    return { image, channels, height, width };
}

const unchanged = { off: [], scale: 1, borrow: [], order: "as painted", shuffle: 3 };
const apart = (a, b) => Math.sqrt(a.reduce((sum, x, i) => sum + (x - b[i]) ** 2, 0) / a.length);

test("all strokes paint the photograph, fewer leave over what is said", async () => {
    for (const given of [picture(1, 20, 30), picture(3, 30, 20)]) {
        const strokes = await bestStrokes(given);
        for (const steps of [1, 5, 20]) {
            const painter = new Photograph(strokes, steps);
            const painted = await painter.picture(painter.paint(painter.program(await painter.outputsOf(0))));
            const left = leftOver(strokes, steps);
            assert.ok(Math.abs(255 * apart(painted, given.image) - left) < 0.02, `${steps} strokes leave ${left}`);
        }
        assert.ok(leftOver(strokes, 1) > leftOver(strokes, 5) && leftOver(strokes, 20) < 0.02);
    }
});

test("the delta rule writes the same strokes in any order, and by itself what the Hebbian rule adds", async () => {
    const strokes = await bestStrokes(picture(3, 24, 18));
    const painter = new Photograph(strokes, 12);
    const program = painter.program(await painter.outputsOf(0));
    const paintedWith = (edit) =>
        painter.picture(applyEdit(program, painter.writing(), { ...unchanged, ...edit }, program));
    const plain = await paintedWith({});
    for (const edit of [{ order: "reversed" }, { order: "shuffled" }, { rule: "hebbian" }]) {
        close(await paintedWith(edit), plain, 1e-5, JSON.stringify(edit));
    }
    const without = await paintedWith({ off: [2] });
    const energy = strokes.energies[1] / plain.length;
    assert.ok(Math.abs(apart(without, plain) ** 2 - energy) < 1e-6, "a stroke taken out is missing");
});

test("pixels become an image, a grey one if they have no colours", () => {
    const grey = imageOf(Uint8ClampedArray.from([0, 0, 0, 255, 255, 255, 255, 255]), 1, 2);
    assert.deepEqual([grey.channels, [...grey.image]], [1, [0, 1]]);
    const red = imageOf(Uint8ClampedArray.from([255, 0, 0, 255, 0, 0, 51, 255]), 2, 1);
    assert.deepEqual([red.channels, [...red.image]], [3, [1, 0, 0, 0, 0, 0.2].map(Math.fround)]);
});
