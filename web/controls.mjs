// The form: its fields show the state, and say what a visitor changes.
import { ORDERS } from "./edit.mjs";
import { PATHS } from "./latents.mjs";
import { RULES } from "./rules.mjs";
import { DEFAULTS, fromAddress } from "./state.mjs";

const form = document.getElementById("controls");
const CHECKS = ["borrow", "pixels"];
const PATH_TITLES = { spherical: "the sphere", linear: "the straight line" };

function fill(select, choices) {
    select.replaceChildren(...choices.map(([value, text]) => new Option(text, value)));
}

/** What can be chosen, but for the painters. */
export function fillChoices() {
    fill(form.elements.path, Object.keys(PATHS).map((name) => [name, PATH_TITLES[name]]));
    fill(form.elements.order, ORDERS.map((name) => [name, name]));
    const rules = Object.entries(RULES).map(([name, { title }]) => [name, title]);
    fill(form.elements.rule, [["", "the painter's own"], ...rules]);
}

export function fillPainters(listed) {
    fill(form.elements.model, listed.map(({ name, title }) => [name, title]));
}

/** The painters that can paint beside the chosen one. */
export function fillBeside(listed) {
    fill(form.elements.beside, [["", "no other"], ...listed.map(({ name, title }) => [name, title])]);
}

/** Set the fields to a state, but for the one that is being written in. */
export function showState(state, step, steps) {
    form.elements.step.max = steps;
    form.elements.step.value = step;
    for (const element of form.elements) {
        if (CHECKS.includes(element.name)) element.checked = state[element.name].split(" ").includes(element.value);
        else if (element.name && element.name !== "step" && document.activeElement !== element) {
            element.value = state[element.name];
        }
    }
    for (const name of ["toward", "scale"]) form.elements[name].nextElementSibling.textContent = state[name].toFixed(2);
    form.elements.strokes.nextElementSibling.textContent = state.strokes;
    form.querySelector("[data-if=shuffled]").hidden = state.order !== "shuffled";
}

/** The state that the fields show. */
export function readState() {
    const given = new URLSearchParams();
    for (const name of Object.keys(DEFAULTS)) if (!CHECKS.includes(name)) given.set(name, form.elements[name].value);
    for (const name of CHECKS) {
        const boxes = [...form.elements].filter((element) => element.name === name && element.checked);
        given.set(name, boxes.map((box) => box.value).join(" "));
    }
    return fromAddress(given.toString());
}

/** Enable what can be used: strokes as soon as there is a picture, other pictures when the weights are there. */
export function enable({ strokes, network, photograph }) {
    for (const id of ["pictures-set", "changes-set", "keep-set"]) document.getElementById(id).disabled = !strokes;
    for (const id of ["play", "step"]) document.getElementById(id).disabled = !strokes;
    for (const element of document.querySelectorAll("[data-needs=network]")) element.disabled = !network || photograph;
    for (const element of document.querySelectorAll("[data-of=painter]")) element.hidden = photograph;
    for (const element of document.querySelectorAll("[data-of=photograph]")) element.hidden = !photograph;
}

/** What is wrong with the field of the steps that are off, said beside it; "" for nothing. */
export function sayOff(text) {
    document.getElementById("off-message").textContent = text;
    form.elements.off.setAttribute("aria-invalid", String(Boolean(text)));
}
