// The page: controls change the state, the state is painted, the address follows.
import { clickedStep } from "./bars.mjs";
import { enable, fillBeside, fillChoices, fillPainters, readState, sayOff, showState } from "./controls.mjs";
import { applyEdit, clampSteps, parseSteps, stepOrder, stepsText } from "./edit.mjs";
import { fetchJson } from "./fetch.mjs";
import { saveFilm, savePicture } from "./film.mjs";
import { PATHS } from "./latents.mjs";
import { Painter } from "./painter.mjs";
import { bestStrokes, Photograph, PHOTOGRAPH, readPhotograph } from "./photograph.mjs";
import { draw } from "./picture.mjs";
import { Player } from "./player.mjs";
import { MIDDLE, presets, UNCHANGED } from "./presets.mjs";
import { screenSize, showComparison, showStep } from "./stage.mjs";
import { fromAddress, OPENING_SEED, toAddress } from "./state.mjs";
import { Strip } from "./strip.mjs";
import { button, showWays } from "./ways.mjs";

const byId = (id) => document.getElementById(id);
const still = matchMedia("(prefers-reduced-motion: reduce)");
const painters = new Map(); // promises of opened ones, by name
let listed = []; // the painters of this page: {name, title, bytes, region, encoder}
let photograph = null; // a visitor's own, and its strokes
let state = fromAddress(location.hash);
let shown = null; // what the pictures show
let lastOff = []; // the steps that were off when that made sense last

function say(text, isError = false) {
    byId("status").textContent = text;
    byId("status").classList.toggle("error", isError);
}

/** A function that says what went wrong in another one. */
function guarded(act) {
    return async (...given) => {
        try {
            await act(...given);
        } catch (error) {
            say(error.message, true);
        }
    };
}

// --- painters ------------------------------------------------------------------------------------------------------

const described = (name) => listed.find((painter) => painter.name === name) ?? listed[0];

/** The painter of the state; its weights may still be on their way. */
async function painterOf({ model, strokes }) {
    if (model === PHOTOGRAPH) return new Photograph(photograph, strokes);
    if (!painters.has(model)) painters.set(model, openPainter(model));
    try {
        return await painters.get(model);
    } catch (error) {
        showProgress(1);
        painters.delete(model); // a later try may succeed
        throw error;
    }
}

async function openPainter(name) {
    const { bytes } = described(name);
    const painter = await Painter.open(name, OPENING_SEED, (loaded) => showProgress(loaded / bytes));
    showProgress(0);
    painter.loaded.then(() => refresh(), guarded((error) => {
        painters.delete(name);
        throw error;
    })).finally(() => showProgress(1));
    return painter;
}

function showProgress(part) {
    byId("progress").hidden = part >= 1;
    byId("progress").value = part;
}

/** Take a state over as far as it fits: a painter that is there, steps that it has. */
function fitted(given) {
    const there = listed.some(({ name }) => name === given.model) || (given.model === PHOTOGRAPH && photograph);
    if (given.model && !there) say(`there is no painter "${given.model}" here: this is another one`, true);
    const model = there ? given.model : listed[0].name;
    const nearest = photograph && described(model).encoder ? given.nearest : "";
    if (nearest !== given.nearest) say("the nearest picture is that of a photograph, which no link holds", true);
    const beside = listed.some(({ name }) => name === given.beside) ? given.beside : "";
    return { ...given, model, nearest, beside };
}

// --- from the state to the pictures --------------------------------------------------------------------------------

/** Paint the state. Two calls never run at once: of those that come while one runs, only the last is carried out. */
async function refresh() {
    refresh.again = true;
    refresh.running ??= (async () => {
        while (refresh.again) {
            refresh.again = false;
            const begin = performance.now();
            await guarded(paintState)();
            document.documentElement.dataset.milliseconds = (performance.now() - begin).toFixed(1);
        }
        refresh.running = null;
    })();
    return refresh.running;
}

/** What the network says for the state's picture. */
async function outputsOf(painter, state) {
    if (state.model === PHOTOGRAPH || (!state.toward && !state.nearest)) return painter.outputsOf(state.seed);
    await painter.loaded;
    return painter.outputs(await latentsOf(painter, state));
}

async function latentsOf(painter, { seed, second, toward, path, nearest }) {
    const latents = nearest ? await painter.latentsFor(photograph) : painter.latents(seed);
    return toward ? PATHS[path](toward, latents, painter.latents(second)) : latents;
}

/** What the painter beside it paints of the same latents; where it takes others, of the same seeds. */
async function besideOf(painter, state) {
    if (!state.beside || state.beside === state.model || state.model === PHOTOGRAPH) return null;
    const other = await painterOf({ model: state.beside });
    const found = state.nearest && other.latentDim === painter.latentDim; // a seed gives the same latents anyhow
    if (found) await other.loaded;
    const outputs = found ? other.outputs(await latentsOf(painter, state))
        : await outputsOf(other, { ...state, nearest: "" });
    const painting = other.paint(other.program(outputs));
    return { painter: other, painting, image: await other.picture(painting), title: described(state.beside).title };
}

/** The steps that are off; of text that makes no sense the field says so, and what was there before stays. */
function stepsOff({ off }, steps) {
    try {
        lastOff = parseSteps(off, steps);
        sayOff("");
    } catch (error) {
        lastOff = lastOff.filter((step) => step <= steps);
        sayOff(error.message);
    }
    return lastOff;
}

async function paintState() {
    const now = { ...state };
    const painter = await painterOf(now);
    const clamped = shown && shown.model !== now.model ? clampSteps(now.off, painter.steps) : now.off;
    if (clamped !== now.off) state.off = now.off = clamped;
    if (now.step > painter.steps) state.step = now.step = 0;
    const outputs = await outputsOf(painter, now);
    const borrow = now.model === PHOTOGRAPH ? [] : now.borrow.split(" ").filter(Boolean);
    const other = borrow.length ? await painter.outputsOf(now.second) : outputs;
    const edit = { ...now, borrow, off: stepsOff(now, painter.steps) };
    const rule = now.rule || painter.rule;
    const changedAt = (size) => {
        const program = painter.program(outputs, size, rule);
        const source = other === outputs ? program : painter.program(other, size, rule);
        return applyEdit(program, painter.writing(size), edit, source);
    };
    const program = painter.program(outputs);
    const [painted, changed] = [painter.paint(program), changedAt(painter)];
    const pictures = { painted: await painter.picture(painted), changed: await painter.picture(changed) };
    const others = ["scale", "borrow", "order", "rule"];
    const edited = edit.off.length > 0 || others.some((name) => now[name] !== UNCHANGED[name]);
    const beside = await besideOf(painter, now);
    shown = { model: now.model, painter, program, painted, changed, pictures, changedAt, edit, rule, edited, beside };
    await showPainting(now, other);
}

async function showPainting(now, other) {
    const { painter } = shown;
    const own = now.model === PHOTOGRAPH;
    const first = !byId("ready").hidden;
    showComparison(shown);
    document.documentElement.classList.toggle("pixels", Boolean(now.pixels));
    shown.fine = shown.changedAt(screenSize(painter, now.pixels));
    enable({ strokes: true, network: painter.complete, photograph: own });
    byId("second").hidden = !now.borrow;
    if (now.borrow && !own) draw(byId("second"), await painter.picture(painter.paint(painter.program(other))), painter);
    showWays(now, shown, photograph, listed, guarded(paintPhotograph));
    showPresets();
    show();
    follow();
    document.documentElement.dataset.shown = toAddress(state);
    if (painter.complete && !own) guarded(() => strip.show(now.model, painter, now.seed, !now.nearest))();
    if (first && !now.step && !still.matches) play();
}

function currentStep() {
    return Math.min(state.step || shown.painter.steps, shown.painter.steps);
}

/** Draw the shown step. */
function show() {
    const step = currentStep();
    showStep(shown, step);
    showState(state, step, shown.painter.steps);
}

/** Let the address follow the state, not more often than browsers allow. */
function follow() {
    if (follow.timer) return;
    follow.timer = setTimeout(() => {
        follow.timer = null;
        history.replaceState(null, "", toAddress(state));
    }, 350);
}

// --- what a visitor does -------------------------------------------------------------------------------------------

function change(changes) {
    state = { ...state, ...changes };
    return refresh();
}

/** Show what an address says. */
function go(address) {
    say("");
    return change(fitted(fromAddress(address)));
}

/** Show a step, 0 for the last. */
function toStep(step) {
    state.step = step >= shown.painter.steps ? 0 : step;
    show();
    follow();
}

const player = new Player({
    show: toStep,
    changed: (playing) => {
        byId("play").textContent = playing ? "pause" : still.matches ? "next" : "play";
        byId("play").setAttribute("aria-pressed", String(playing));
    },
});
const strip = new Strip(byId("strip"), (seed) => change({ seed, toward: 0, nearest: "" }));

function play() {
    const { steps } = shown.painter;
    if (player.playing) return player.stop();
    if (still.matches) return toStep(currentStep() >= steps ? 1 : currentStep() + 1);
    return player.play(currentStep(), steps);
}

/** Switch the shown step off, or on again; it is the step as painted, whatever the order. */
function toggle() {
    const step = stepOrder(state.order, shown.painter.steps, state.shuffle)[currentStep() - 1] + 1;
    const off = new Set(lastOff);
    if (!off.delete(step)) off.add(step);
    return change({ off: stepsText(off) });
}

/** Show the step of the bar that was clicked; switch it off or on if it is shown already. */
function clickBar(event) {
    const step = clickedStep(event, shown.painter.steps);
    player.stop();
    if (step === currentStep()) return toggle();
    return toStep(step);
}

/** The buttons of the presets, new ones for another painter. */
function showPresets() {
    const { painter, model } = shown;
    if (showPresets.of === painter) return;
    showPresets.of = painter;
    const own = model === PHOTOGRAPH;
    const made = presets({ painter, region: own ? MIDDLE : described(model).region, photograph: own });
    byId("presets").replaceChildren(...made.map(({ name, changes }) => button(name, guarded(() => {
        change({ ...changes(shown.program), step: 0 });
        if (!still.matches) player.play(0, painter.steps);
    }))));
}

/** Paint a visitor's own photograph. */
async function takePhotograph(file) {
    if (!file) return;
    say("looking for its strokes");
    photograph = await bestStrokes(await readPhotograph(file), () => new Promise((done) => setTimeout(done)));
    say("");
    fillPainters([...listed, { name: PHOTOGRAPH, title: "your photograph" }]);
    await paintPhotograph({ model: PHOTOGRAPH, nearest: "", strokes: photograph.steps });
}

/** Paint the photograph in one of its ways. */
async function paintPhotograph(way) {
    await change({ ...UNCHANGED, toward: 0, step: 0, ...way });
    if (!still.matches) player.play(0, shown.painter.steps);
}

/** Copy a text, or say where it can be copied by hand. */
async function copy(text, what, byHand) {
    try {
        await navigator.clipboard.writeText(text);
    } catch {
        throw new Error(`this browser keeps its clipboard to itself: ${byHand}`);
    }
    say(`${what} is in the clipboard`);
}

function fileName() {
    const { model, edited } = shown;
    const which = model === PHOTOGRAPH ? `${state.strokes}-strokes` : state.nearest ? "nearest" : `seed${state.seed}`;
    const between = state.toward && model !== PHOTOGRAPH ? `-to${state.second}-${state.toward.toFixed(2)}` : "";
    return `${model}-${which}${between}${edited ? "-edited" : ""}`;
}

async function keepPicture() {
    const { painter, pictures, changedAt } = shown;
    const times = Math.max(1, 1024 / Math.max(painter.height, painter.width));
    if (state.pixels || painter.refined) return savePicture(pictures.changed, painter, Math.floor(times), fileName());
    const size = { height: Math.round(times * painter.height), width: Math.round(times * painter.width) };
    const painting = changedAt(size);
    return savePicture(await painter.picture(painting), painting, 1, fileName());
}

async function keepFilm() {
    const { painter, changed, pictures } = shown;
    byId("save-film").disabled = true; // one at a time
    try {
        await saveFilm(painter, changed, pictures.changed, fileName(), { say });
        say("saved");
    } finally {
        byId("save-film").disabled = false;
    }
}

function copyFrame() {
    const address = new URL(`?embed=1${toAddress(state)}`, location.href);
    const size = 'width="720" height="480"';
    const frame = `<iframe src="${address}" title="A fast weight painter" ${size} loading="lazy"></iframe>`;
    return copy(frame, "the frame", `copy this by hand: ${frame}`);
}

const ACTS = {
    play,
    toggle,
    another: () => change({ seed: (state.seed + 1) % 2 ** 31, toward: 0, nearest: "" }),
    reset: () => change(UNCHANGED),
    "save-picture": keepPicture,
    "save-film": keepFilm,
    "copy-link": () => copy(new URL(toAddress(state), location.href).href, "the link", "copy it from the address bar"),
    "copy-frame": copyFrame,
};

function listen() {
    byId("controls").addEventListener("submit", (event) => event.preventDefault());
    document.addEventListener("input", (event) => { // the step's slider stands outside the form
        if (!event.target.name) return;
        say("");
        state = readState();
        if (["model", "seed"].includes(event.target.name)) state.nearest = "";
        if (event.target.name === "step") {
            player.stop();
            toStep(state.step);
        } else {
            if (state.step === shown?.painter.steps) state.step = 0;
            refresh();
        }
    });
    for (const [id, act] of Object.entries(ACTS)) {
        byId(id).addEventListener("click", guarded(() => {
            say("");
            return act();
        }));
    }
    for (const id of ["painted-rates", "changed-rates"]) byId(id).addEventListener("click", guarded(clickBar));
    for (const id of ["choose", "take"]) {
        byId(id).addEventListener("change", guarded(() => takePhotograph(byId(id).files[0])));
    }
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("drop", guarded((event) => {
        event.preventDefault();
        return takePhotograph(event.dataTransfer.files[0]);
    }));
    addEventListener("hashchange", () => {
        player.stop();
        go(location.hash);
    });
    addEventListener("resize", () => {
        clearTimeout(listen.timer);
        listen.timer = setTimeout(refresh, 200);
    });
}

async function start() {
    listed = await fetchJson("painters.json").finally(() => showProgress(1));
    showProgress(0);
    fillChoices();
    fillPainters(listed);
    fillBeside(listed);
    say("");
    state = fitted(state);
    byId("whole").href = location.pathname + location.hash;
    if (still.matches) byId("play").textContent = "next";
    listen();
    await refresh();
}

/** What is shown, for tests and the curious: `fpa.shown()` in the console. */
globalThis.fpa = { shown: () => shown, state: () => ({ ...state }), go };
guarded(start)();
