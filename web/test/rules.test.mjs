// The rules, interventions and random numbers against those of fpa_nb, which tests/test_web.py writes to FPA_WEB_CASES.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { applyEdit, asUsed, paint, parseSteps } from "../edit.mjs";
import { PATHS } from "../latents.mjs";
import { inColour } from "../picture.mjs";
import { randn, randperm } from "../random.mjs";
import { resized } from "../resize.mjs";
import { DEFAULTS, fromAddress, toAddress } from "../state.mjs";

const path = process.env.FPA_WEB_CASES;
const cases = path ? JSON.parse(readFileSync(path, "utf8")) : null;
const skip = cases ? false : "FPA_WEB_CASES names no file";

function close(found, wanted, limit, what) {
    assert.equal(found.length, wanted.length, what);
    const worst = found.reduce((most, x, i) => Math.max(most, Math.abs(x - wanted[i])), 0);
    assert.ok(worst < limit, `${what}: off by ${worst}`);
}

function programOf(given) {
    const gates = Object.fromEntries(Object.entries(given.gates).map(([name, x]) => [name, Float32Array.from(x)]));
    const [keys, values, betas] = ["keys", "values", "betas"].map((name) => Float32Array.from(given[name]));
    return { ...given.shape, keys, values, betas, gates };
}

test("every rule writes what fpa_nb writes", { skip }, () => {
    assert.ok(cases.rules.length >= 8);
    for (const { name, program, painter, canvases } of cases.rules) {
        if (painter.initial) painter.initial = Float32Array.from(painter.initial);
        const painting = paint(asUsed(programOf(program), painter), painter);
        close(painting.canvases, canvases, 1e-4, name);
    }
});

test("another size is painted as fpa_nb paints it", { skip }, () => {
    assert.ok(cases.sizes.length >= 7);
    for (const { name, program, painter, size, large, again, resized: other } of cases.sizes) {
        for (const settings of [painter, other]) settings.initial &&= Float32Array.from(settings.initial);
        const painting = paint(asUsed(programOf(program), painter), painter);
        close(resized(painting, painter, size, true).canvases, large, 2e-4, name);
        const same = resized(painting, painter, painting.height);
        close(same.canvases, painting.canvases, 1e-4, `${name}, same size`);
        const grown = paint(asUsed(programOf(again), other), other);
        close(resized(painting, painter, 24).canvases, grown.canvases, 2e-4, `${name}, resized`);
    }
});

test("opponent colours are seen as in fpa_nb", { skip }, () => {
    const { canvas, seen } = cases.colours;
    close(inColour(Float32Array.from(canvas), "opponent"), seen, 1e-6, "colours");
    assert.equal(inColour(seen, "rgb"), seen);
});

test("every intervention changes what fpa_nb changes", { skip }, () => {
    assert.ok(cases.edits.length >= 8);
    for (const { name, program, other, painter, edit, canvases } of cases.edits) {
        const [first, second] = [program, other].map((given) => asUsed(programOf(given), painter));
        close(applyEdit(first, painter, edit, second).canvases, canvases, 1e-4, name);
    }
});

test("seeds give the numbers of torch", { skip }, () => {
    for (const { count, seed, numbers } of cases.randn) close(randn(count, seed), numbers, 1e-5, `${count} of ${seed}`);
    for (const { count, seed, order } of cases.randperm) assert.deepEqual(randperm(count, seed), order);
    for (const { path: name, fraction, first, second, between } of cases.walks) {
        close(PATHS[name](fraction, first, second), between, 1e-5, name);
    }
});

test("steps are read from text", () => {
    assert.deepEqual(parseSteps("3, 5-8 3", 8), [3, 5, 6, 7, 8]);
    assert.deepEqual(parseSteps(" ", 8), []);
    for (const wrong of ["x", "3-", "-3", "1.5", "0", "9", "5-3", "1-99999999999"]) {
        assert.throws(() => parseSteps(wrong, 8), RangeError, wrong);
    }
});

test("an address brings its state back", () => {
    const state = { ...DEFAULTS, model: "digits", seed: 7, off: "5-8", borrow: "keys betas", rule: "oja", toward: 0.3 };
    assert.deepEqual(fromAddress(toAddress(state)), state);
    assert.equal(toAddress({ ...DEFAULTS }), "#");
});

test("an address that makes no sense is at its default", () => {
    const odd = "#seed=x&toward=9&scale=-1&rule=none&order=up&borrow=all&step=1e9&path=&shuffle=NaN&second=1.6";
    assert.deepEqual(fromAddress(odd), { ...DEFAULTS, toward: 1, scale: 0, step: 9999, second: 2 });
});
