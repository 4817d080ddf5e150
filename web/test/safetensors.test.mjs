// Files of weights: what half precision holds, and what is told of damaged ones.
import { test } from "node:test";
import assert from "node:assert/strict";

import { readSafetensors } from "../safetensors.mjs";

/** A file with one tensor. */
function fileOf(dtype, shape, numbers, header = {}) {
    const text = JSON.stringify({ x: { dtype, shape, data_offsets: [0, numbers.byteLength] }, ...header });
    const file = new Uint8Array(8 + text.length + numbers.byteLength);
    new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
    file.set(new TextEncoder().encode(text), 8);
    file.set(new Uint8Array(numbers.buffer), 8 + text.length);
    return file.buffer;
}

test("half precision is read", () => {
    const bits = Uint16Array.from([0x0000, 0x8000, 0x3c00, 0xc000, 0x7bff, 0x0001, 0x03ff, 0x3555]);
    const numbers = [0, -0, 1, -2, 65504, 2 ** -24, 1023 * 2 ** -24, 1365 * 2 ** -12];
    assert.deepEqual([...readSafetensors(fileOf("F16", [2, 4], bits)).tensors.x], numbers.map(Math.fround));
});

test("float32 and texts are read, wherever the numbers begin", () => {
    for (const text of ["", "a", "ab", "abc"]) {
        const file = fileOf("F32", [2], Float32Array.of(1.5, -3), { __metadata__: { text } });
        const { tensors, texts } = readSafetensors(file);
        assert.deepEqual([[...tensors.x], texts], [[1.5, -3], { text }]);
    }
});

test("a damaged file is told", () => {
    const whole = fileOf("F32", [4], Float32Array.of(1, 2, 3, 4));
    const wrong = [whole.slice(0, 4), whole.slice(0, -4), fileOf("I64", [1], new Float32Array(2))];
    wrong.push(new ArrayBuffer(100), new TextEncoder().encode("<!doctype html><title>404</title>").buffer);
    for (const file of wrong) assert.throws(() => readSafetensors(file), /file of weights is damaged/);
});
