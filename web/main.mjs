// The page: controls change the state, the state is painted, the address follows.
import { applyEdit, editedProgram, ORDERS, parseSteps } from "./edit.mjs";
import { saveFilm, savePicture } from "./film.mjs";
import { PATHS } from "./latents.mjs";
import { listPainters, Painter } from "./painter.mjs";
import { canvasAfter, draw, framedUpdate, rateBars, rates } from "./picture.mjs";
import { RULES } from "./rules.mjs";
import { DEFAULTS, fromAddress, toAddress } from "./state.mjs";

const byId = (id) => document.getElementById(id);
const form = byId("controls");
const painters = new Map(); // loaded ones, by name
let state = fromAddress(location.hash);
let shown = null; // {painter, painted, changed, pictures}: what the pictures show
let player = null;

function say(text, isError = false) {
    byId("status").textContent = text;
    byId("status").classList.toggle("error", isError);
}

// --- from the state to the pictures -------------------------------------------------------------------------------

async function load(name) {
    if (!painters.has(name)) painters.set(name, Painter.load(name));
    try {
        return await painters.get(name);
    } catch (error) {
        painters.delete(name); // a later try may succeed
        throw error;
    }
}

/** The program of the state's latents, and that of the second seed. */
async function programs(painter) {
    const [first, second] = [painter.latents(state.seed), painter.latents(state.second)];
    const between = state.toward ? PATHS[state.path](state.toward, first, second) : first;
    const program = await painter.program(between);
    return [program, state.borrow ? await painter.program(second) : program];
}

/** Paint the state. Two calls never run at once: of those that come while one runs, only the last is carried out. */
async function refresh() {
    refresh.again = true;
    if (refresh.running) return refresh.running;
    refresh.running = (async () => {
        while (refresh.again) {
            refresh.again = false;
            const begin = performance.now();
            await paintState();
            document.documentElement.dataset.milliseconds = (performance.now() - begin).toFixed(1);
        }
        refresh.running = null;
    })();
    return refresh.running;
}

async function paintState() {
    try {
        const painter = await load(state.model);
        const [program, other] = await programs(painter);
        const borrow = state.borrow.split(" ").filter(Boolean);
        const edit = { ...state, off: parseSteps(state.off, painter.steps), borrow };
        const painted = painter.paint(program);
        const changed = applyEdit(program, painter, edit, other);
        const pictures = { painted: await painter.picture(painted), changed: await painter.picture(changed) };
        shown = { painter, painted, changed, pictures };
        say("");
        showControls();
        show();
        history.replaceState(null, "", toAddress(state));
        document.documentElement.dataset.shown = toAddress(state);
    } catch (error) {
        say(error.message, true);
    }
}

function currentStep() {
    return Math.min(state.step || shown.painter.steps, shown.painter.steps);
}

/** Draw the shown step of both paintings. */
function show() {
    const { painter, pictures } = shown;
    const step = currentStep();
    for (const row of ["painted", "changed"]) {
        const painting = shown[row];
        const { channels, height, width } = painting;
        const rate = rates(painting).map((channel) => channel[step - 1].toFixed(2)).join(", ");
        draw(byId(`${row}-update`), framedUpdate(painting, step, painter.colours));
        draw(byId(`${row}-canvas`), { image: painter.shown(canvasAfter(painting, step)), channels, height, width });
        draw(byId(`${row}-picture`), { image: pictures[row], channels, height, width });
        byId(`${row}-update`).setAttribute("aria-label", `update of step ${step}, learning rate ${rate}`);
        byId(`${row}-canvas`).setAttribute("aria-label", `canvas after step ${step}`);
        const which = row === "painted" ? "as painted" : "with the changes";
        byId(`${row}-picture`).setAttribute("aria-label", `final picture, ${which}`);
        byId(`${row}-rates`).setAttribute("viewBox", `0 0 600 ${20 * channels}`);
        byId(`${row}-rates`).innerHTML = rateBars(painting, step, painter.colours);
    }
    byId("step-text").textContent = `step ${step} of ${painter.steps}`;
}

// --- controls ------------------------------------------------------------------------------------------------------

function fill(select, choices) {
    select.replaceChildren(...choices.map(([value, text]) => new Option(text, value)));
}

/** Set the controls to the state. */
function showControls() {
    const steps = shown?.painter.steps;
    if (steps) form.elements.step.max = steps;
    for (const element of form.elements) {
        if (element.name === "borrow") element.checked = state.borrow.split(" ").includes(element.value);
        else if (element.name === "step") element.value = steps ? currentStep() : element.value;
        else if (element.name && document.activeElement !== element) element.value = state[element.name];
    }
    for (const name of ["toward", "scale"]) {
        form.elements[name].nextElementSibling.textContent = state[name].toFixed(2);
    }
}

/** Take over what the controls say. */
function readControls() {
    const given = new URLSearchParams();
    for (const name of Object.keys(DEFAULTS)) {
        if (name !== "borrow") given.set(name, form.elements[name].value);
    }
    const boxes = [...form.elements.borrow].filter((box) => box.checked);
    given.set("borrow", boxes.map((box) => box.value).join(" "));
    state = fromAddress(given.toString());
    if (shown && state.step === shown.painter.steps) state.step = 0;
}

function change(changes) {
    state = { ...state, ...changes };
    showControls();
    return refresh();
}

function scrub() {
    stop();
    readControls();
    if (shown) show();
    history.replaceState(null, "", toAddress(state));
}

function stop() {
    clearInterval(player);
    player = null;
    byId("play").textContent = "play";
    byId("play").setAttribute("aria-pressed", "false");
}

function play() {
    if (player) return stop();
    let step = currentStep() >= shown.painter.steps ? 0 : currentStep();
    byId("play").textContent = "pause";
    byId("play").setAttribute("aria-pressed", "true");
    player = setInterval(() => {
        step += 1;
        state.step = step >= shown.painter.steps ? 0 : step;
        form.elements.step.value = step;
        show();
        if (step >= shown.painter.steps) stop();
    }, 150);
}

/** Switch the shown step off, or on again; it is the step as painted, whatever the order. */
function toggle() {
    const { steps } = shown.painter;
    const numbers = Float32Array.from({ length: steps }, (_, t) => t + 1);
    const program = { channels: 1, steps, keys: numbers, values: numbers, betas: numbers, gates: {} };
    const order = editedProgram(program, { ...state, off: [], scale: 1, borrow: [] }, program).keys;
    const off = new Set(parseSteps(state.off, steps));
    const step = order[currentStep() - 1];
    if (!off.delete(step)) off.add(step);
    change({ off: [...off].sort((a, b) => a - b).join(", ") });
}

function reset() {
    const { off, scale, borrow, order, shuffle, rule } = DEFAULTS;
    change({ off, scale, borrow, order, shuffle, rule });
}

/** Run what a button does, and say what went wrong. */
function guarded(act) {
    return async () => {
        try {
            await act();
        } catch (error) {
            say(error.message, true);
        }
    };
}

const [PICTURE, FILM] = [1024, 384]; // heights of what is saved, pixels
const fileName = () => `${state.model}-${state.seed}`;
const ACTS = {
    another: () => change({ seed: (state.seed + 1) % 2 ** 31 }),
    toggle,
    reset,
    play,
    "save-picture": async () => {
        const { painter, changed } = shown;
        await savePicture(await painter.picture(painter.large(changed, PICTURE, true)), changed, fileName());
    },
    "save-film": async () => {
        const { painter, changed } = shown;
        const large = painter.large(changed, FILM);
        await saveFilm(painter, large, await painter.picture(large), fileName(), { say });
        say("saved");
    },
    "copy-link": async () => {
        await navigator.clipboard.writeText(location.href);
        say("the link is in the clipboard");
    },
};

async function start() {
    const listed = await listPainters();
    if (!listed.some(({ name }) => name === state.model)) state.model = listed[0].name;
    fill(form.elements.model, listed.map(({ name, title }) => [name, title]));
    fill(form.elements.path, Object.keys(PATHS).map((name) => [name, name]));
    fill(form.elements.order, ORDERS.map((name) => [name, name]));
    const rules = Object.entries(RULES).map(([name, { title }]) => [name, title]);
    fill(form.elements.rule, [["", "as painted"], ...rules]);
    form.addEventListener("submit", (event) => event.preventDefault());
    document.addEventListener("input", (event) => { // the step's slider stands outside the form
        if (event.target.name === "step") return scrub();
        readControls();
        showControls();
        refresh();
    });
    for (const [id, act] of Object.entries(ACTS)) byId(id).addEventListener("click", guarded(act));
    addEventListener("hashchange", () => {
        state = { ...fromAddress(location.hash), model: fromAddress(location.hash).model || listed[0].name };
        showControls();
        refresh();
    });
    showControls();
    await refresh();
}

/** What is shown, for tests and the curious: `fpa.shown()` in the console. */
globalThis.fpa = { shown: () => shown, state: () => ({ ...state }), refresh };
guarded(start)();
