// The rules and interventions against those of fpa_nb.
import { test } from "node:test";
import assert from "node:assert/strict";

import { applyEdit, asUsed, clampSteps, paint, parseSteps, stepsText } from "../edit.mjs";
import { canvasAfter } from "../rules.mjs";
import { cases, close, programFrom, skip } from "./cases.mjs";

/** The canvases after all steps, (steps, channels, height, width). */
function canvasesOf(painting) {
    return Array.from({ length: painting.steps }, (_, t) => [...canvasAfter(painting, t + 1)]).flat();
}

test("every rule writes what fpa_nb writes", { skip }, () => {
    assert.ok(cases.rules.length >= 8);
    for (const { name, program, painter, canvases } of cases.rules) {
        if (painter.initial) painter.initial = Float32Array.from(painter.initial);
        close(canvasesOf(paint(asUsed(programFrom(program), painter), painter)), canvases, 1e-4, name);
    }
});

test("every intervention changes what fpa_nb changes", { skip }, () => {
    assert.ok(cases.edits.length >= 8);
    for (const { name, program, other, painter, edit, canvases } of cases.edits) {
        const [first, second] = [program, other].map((given) => asUsed(programFrom(given), painter));
        close(canvasesOf(applyEdit(first, painter, edit, second)), canvases, 1e-4, name);
    }
});

test("steps are read from text", () => {
    assert.deepEqual(parseSteps("3, 5-8 3", 8), [3, 5, 6, 7, 8]);
    assert.deepEqual(parseSteps(" ", 8), []);
    for (const wrong of ["x", "3-", "-3", "1.5", "0", "9", "5-3", "1-99999999999"]) {
        assert.throws(() => parseSteps(wrong, 8), RangeError, wrong);
    }
});

test("steps become text again", () => {
    for (const text of ["", "3", "3, 5-8", "1-2, 4, 6-8"]) assert.equal(stepsText(parseSteps(text, 8)), text);
    assert.equal(stepsText([8, 6, 7, 1]), "1, 6-8");
});

test("steps that a shorter painting lacks are left out", () => {
    assert.equal(clampSteps("3, 14-20, 30", 16), "3, 14-16");
    assert.equal(clampSteps("16-20", 16), "16");
    assert.equal(clampSteps("17-20, 99", 16), "");
    assert.equal(clampSteps("nonsense", 16), "nonsense"); // which the field's own message is about
});
