// Random numbers and walks between latents against torch's and fpa_nb's.
import { test } from "node:test";
import assert from "node:assert/strict";

import { PATHS } from "../latents.mjs";
import { randn, randperm } from "../random.mjs";
import { cases, close, skip } from "./cases.mjs";

test("seeds give the numbers of torch", { skip }, () => {
    for (const { count, seed, numbers } of cases.randn) close(randn(count, seed), numbers, 1e-5, `${count} of ${seed}`);
    for (const { count, seed, order } of cases.randperm) assert.deepEqual(randperm(count, seed), order);
});

test("walks between latents are those of fpa_nb", { skip }, () => {
    for (const { path, fraction, first, second, between } of cases.walks) {
        close(PATHS[path](fraction, first, second), between, 1e-5, path);
    }
});
