// What is shown, as the address says it: a link shows another person the same thing.
import { ORDERS, TAKEN } from "./edit.mjs";
import { PATHS } from "./latents.mjs";
import { RULES } from "./rules.mjs";

/** The seed of the picture that the page opens with, which fpa_nb.browser puts beside the weights. */
export const OPENING_SEED = 0;

/** Everything that can be set, at its default. The step 0 is the last one. */
export const DEFAULTS = Object.freeze({
    model: "", seed: OPENING_SEED, second: 5, toward: 0, path: "spherical", step: 0,
    off: "", scale: 1, borrow: "", order: "as painted", shuffle: 0, rule: "",
    pixels: "", strokes: 32, nearest: "", beside: "",
});
const SEEDS = [0, 2 ** 31 - 1];
const RANGES = {
    seed: SEEDS, second: SEEDS, toward: [0, 1], scale: [0, 2], shuffle: SEEDS, step: [0, 9999], strokes: [1, 64],
};
const CHOICES = {
    path: Object.keys(PATHS), order: ORDERS, rule: ["", ...Object.keys(RULES)],
    pixels: ["", "1"], nearest: ["", "1"],
};
const WHOLE = ["seed", "second", "shuffle", "step", "strokes"];

function valueOf(name, text) {
    if (name in RANGES) {
        const [low, high] = RANGES[name];
        const number = Math.min(high, Math.max(low, Number(text)));
        if (!Number.isFinite(number)) return DEFAULTS[name];
        return WHOLE.includes(name) ? Math.round(number) : number;
    }
    if (name in CHOICES) return CHOICES[name].includes(text) ? text : DEFAULTS[name];
    if (name === "borrow") return TAKEN.filter((taken) => text.split(" ").includes(taken)).join(" ");
    return text;
}

/** The state that an address names; what is missing or makes no sense is at its default. */
export function fromAddress(hash) {
    const given = new URLSearchParams(hash.replace(/^#/, ""));
    const state = { ...DEFAULTS };
    for (const name of Object.keys(DEFAULTS)) if (given.has(name)) state[name] = valueOf(name, given.get(name));
    return state;
}

/** The address of a state: what differs from the defaults. */
export function toAddress(state) {
    const changed = Object.keys(DEFAULTS).filter((name) => state[name] !== DEFAULTS[name]);
    return "#" + new URLSearchParams(changed.map((name) => [name, String(state[name])])).toString();
}
