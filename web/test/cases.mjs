// What tests/test_web.py wrote from fpa_nb to the file that FPA_WEB_CASES names.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const path = process.env.FPA_WEB_CASES;
export const cases = path ? JSON.parse(readFileSync(path, "utf8")) : null;
export const skip = cases ? false : "FPA_WEB_CASES names no file";

export function close(found, wanted, limit, what) {
    assert.equal(found.length, wanted.length, what);
    const worst = found.reduce((most, x, i) => Math.max(most, Math.abs(x - wanted[i])), 0);
    assert.ok(worst < limit, `${what}: off by ${worst}`);
}

/** The content of a file as a buffer of its own. */
export function bufferOf(file) {
    return Uint8Array.from(readFileSync(file)).buffer;
}

export function programFrom(given) {
    const gates = Object.fromEntries(Object.entries(given.gates).map(([name, x]) => [name, Float32Array.from(x)]));
    const [keys, values, betas] = ["keys", "values", "betas"].map((name) => Float32Array.from(given[name]));
    return { ...given.shape, keys, values, betas, gates };
}
