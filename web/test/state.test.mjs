// The address.
import { test } from "node:test";
import assert from "node:assert/strict";

import { DEFAULTS, fromAddress, toAddress } from "../state.mjs";

test("an address brings its state back", () => {
    const state = { ...DEFAULTS, model: "digits", seed: 7, off: "5-8", borrow: "keys betas", rule: "oja", toward: 0.3 };
    assert.deepEqual(fromAddress(toAddress(state)), state);
    assert.equal(toAddress({ ...DEFAULTS }), "#");
});

test("an address that makes no sense is at its default", () => {
    const odd = "#seed=x&toward=9&scale=-1&rule=none&order=up&borrow=all&step=1e9&path=&shuffle=NaN&second=1.6";
    assert.deepEqual(fromAddress(odd), { ...DEFAULTS, toward: 1, scale: 0, step: 9999, second: 2 });
});
