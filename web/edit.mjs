// Interventions between the network that makes a program and the rule that writes it: those of chapter 08.
import { randperm } from "./random.mjs";
import { RULES, write } from "./rules.mjs";

export const TAKEN = ["keys", "values", "betas"];
export const ORDERS = ["as painted", "reversed", "shuffled"];

const partsOf = (text) => text.replaceAll(",", " ").split(/\s+/).filter(Boolean);

/** Step numbers from text such as `3, 5-8`. Throws a RangeError that says what is wrong. */
export function parseSteps(text, steps) {
    const found = new Set();
    for (const part of partsOf(text)) {
        const match = /^(\d+)(?:-(\d+))?$/.exec(part);
        if (!match) throw new RangeError(`"${part}" is no step: write numbers and ranges, like 3, 5-8`);
        const first = Number(match[1]);
        const last = Number(match[2] ?? match[1]);
        if (first < 1 || last < first || last > steps) {
            throw new RangeError(`${part} does not fit: the painting has steps 1 to ${steps}`);
        }
        for (let t = first; t <= last; t++) found.add(t);
    }
    return [...found];
}

/** Text that names steps, without those beyond the last one: what is left of it for a shorter painting. */
export function clampSteps(text, steps) {
    const kept = [];
    for (const part of partsOf(text)) {
        const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? [];
        if (first === undefined || Number(last) <= steps) kept.push(part);
        else if (Number(first) <= steps) kept.push(Number(first) < steps ? `${first}-${steps}` : first);
    }
    return kept.join(", ");
}

/** Step numbers as text: 3, 5-8. */
export function stepsText(numbers) {
    const sorted = [...numbers].sort((a, b) => a - b);
    const ranges = [];
    for (const t of sorted) {
        if (ranges.length && ranges.at(-1)[1] === t - 1) ranges.at(-1)[1] = t;
        else ranges.push([t, t]);
    }
    return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(", ");
}

/** The steps, counted from 0, in the order in which they are written. */
export function stepOrder(kind, steps, seed) {
    if (kind === "shuffled") return randperm(steps, seed);
    const order = Array.from({ length: steps }, (_, t) => t);
    return kind === "reversed" ? order.reverse() : order;
}

/** A program whose learning rates are those that the rule used: a first step that is written plain has rate 1. */
export function asUsed(program, { plain_first: plain, rule, initial }) {
    if (!plain || rule !== "delta" || initial) return program;
    const betas = Float32Array.from(program.betas);
    const size = betas.length / (program.channels * program.steps);
    for (let c = 0; c < program.channels; c++) betas.fill(1, c * program.steps * size, (c * program.steps + 1) * size);
    return { ...program, betas };
}

/** The rows of a flat (channels, steps, size) array in another order of steps. */
function reorder(values, channels, order) {
    const size = values.length / (channels * order.length);
    const moved = new Float32Array(values.length);
    for (let c = 0; c < channels; c++) {
        order.forEach((from, to) => {
            const at = (c * order.length + from) * size;
            moved.set(values.subarray(at, at + size), (c * order.length + to) * size);
        });
    }
    return moved;
}

/** Set one number for the steps that are off, and multiply the others. */
function scaled(values, channels, steps, off, factor, whenOff) {
    const size = values.length / (channels * steps);
    return values.map((x, i) => (off.includes((Math.floor(i / size) % steps) + 1) ? whenOff : factor * x));
}

/** The program of a painting after the changes of an edit; `other` is the program to borrow from. */
export function editedProgram(program, edit, other) {
    const { channels, steps } = program;
    const changed = { ...program };
    for (const name of edit.borrow) changed[name] = other[name];
    const gates = edit.borrow.includes("betas") ? other.gates : program.gates;
    const neutral = (name) => RULES.gated_delta.gates[name];
    changed.betas = scaled(changed.betas, channels, steps, edit.off, edit.scale, 0);
    changed.gates = {};
    for (const name of Object.keys(gates)) {
        changed.gates[name] = scaled(gates[name], channels, steps, edit.off, 1, neutral(name));
    }
    const order = stepOrder(edit.order, steps, edit.shuffle);
    for (const name of TAKEN) changed[name] = reorder(changed[name], channels, order);
    for (const name of Object.keys(gates)) changed.gates[name] = reorder(changed.gates[name], channels, order);
    return changed;
}

/** A painting: a program, and what a rule makes of it on an empty or given canvas. */
export function paint(program, { rule, softmax_keys: softmaxKeys, initial = null }) {
    return { ...program, ...write(program, rule, { initial, softmaxKeys }) };
}

/** A painting with its program changed and written again. */
export function applyEdit(program, painter, edit, other) {
    return paint(editedProgram(program, edit, other), { ...painter, rule: edit.rule || painter.rule });
}
