// What the page shows of a painting: the picture, the stroke with its value and key, the bars.
import { drawBars, rateText } from "./bars.mjs";
import { stepOrder } from "./edit.mjs";
import { channelColours, draw, drawCurve, drawStroke, ofStep } from "./picture.mjs";
import { canvasAfter } from "./rules.mjs";

const byId = (id) => document.getElementById(id);
const LARGEST = 320; // side of a picture that is computed for the screen, pixels

/** The size in which a painting is computed for the screen: the painter's own at least. */
export function screenSize(painter, ownPixels) {
    const side = Math.max(painter.height, painter.width);
    if (ownPixels || painter.refined) return { height: painter.height, width: painter.width };
    const wide = byId("picture").parentElement.clientWidth * Math.min(2, globalThis.devicePixelRatio || 1);
    const scale = Math.max(1, Math.min(LARGEST, wide) / side);
    return { height: Math.round(scale * painter.height), width: Math.round(scale * painter.width) };
}

const NOTES = {
    delta: "The delta rule first takes off what the picture holds at the key already: the thin line is the value"
        + " before.",
    gated_delta: "The picture fades, then the delta rule takes off what it holds at the key: the thin line is the value"
        + " before.",
    hebbian: "The Hebbian rule adds, whatever is there already.",
    oja: "Oja's rule writes at what is new in the key: the thin line is the key before.",
};

/** The value times its learning rate: what would be written on an empty canvas. */
function wantedValues(painting, step) {
    const [values, betas] = [painting.values, painting.betas].map((x) => ofStep(x, painting, step));
    return values.map((value, c) => value.map((v, i) => v * betas[c][betas[c].length > 1 ? i : 0]));
}

function drawUpdate(painting, step, rule) {
    drawStroke(byId("stroke"), painting, step);
    const [written, places, keys] = ["written", "places", "keys"].map((name) => ofStep(painting[name], painting, step));
    const grey = painting.channels === 1; // thin lines beside three areas say nothing
    const wanted = grey && rule.includes("delta") ? wantedValues(painting, step) : [];
    const colours = channelColours(painting);
    drawCurve(byId("value"), written, wanted, { upright: true, colours });
    drawCurve(byId("key"), places, grey && rule === "oja" ? keys : [], { colours });
    byId("rule-note").textContent = grey ? NOTES[rule] : "";
    for (const note of document.querySelectorAll("#equation .grey")) note.hidden = !grey;
    for (const note of document.querySelectorAll("#equation .coloured")) note.hidden = grey;
}

/** Show how far another painter is at a step of `steps`; without one nothing. */
function showBeside(beside, step, steps) {
    byId("beside-figure").hidden = !beside;
    if (!beside) return;
    const { painter, painting, image, title } = beside;
    const own = Math.ceil((step * painter.steps) / steps);
    draw(byId("beside"), own === painter.steps ? image : painter.shown(canvasAfter(painting, own)), painter);
    byId("beside-caption").textContent = title;
}

/** Show a step of what is shown: `{painter, painted, changed, fine, pictures, edit, rule, edited, beside}`. */
export function showStep({ painter, changed, fine, pictures, rule, beside, ...shown }, step) {
    const { steps } = painter;
    showBeside(beside, step, steps);
    const last = step === steps;
    const refined = last && painter.refined;
    draw(byId("picture"), refined ? pictures.changed : painter.shown(canvasAfter(fine, step)), fine);
    const after = last ? `after all ${steps} strokes` : `after stroke ${step}`;
    const caption = refined ? `${after}, refined by a U-Net` : after;
    byId("picture-caption").textContent = caption;
    byId("picture").setAttribute("aria-label", `the picture ${caption}`);
    drawUpdate(fine, step, rule);
    byId("stroke-caption").textContent = `stroke ${step}`;
    byId("stroke").setAttribute("aria-label", `stroke ${step}, learning rate ${rateText(changed, step)}`);
    byId("step-text").textContent = `${step} of ${steps}`;
    showBars({ painter, changed, ...shown }, step);
}

function showBars({ painter, painted, changed, edit, edited }, step) {
    const order = stepOrder(edit.order, painter.steps, edit.shuffle);
    const off = order.flatMap((t, place) => (edit.off.includes(t + 1) ? [place + 1] : []));
    const rows = [[byId("painted-rates"), painted, []]];
    if (edited) rows.push([byId("changed-rates"), changed, off]);
    drawBars(rows, step);
    byId("changed-rates").toggleAttribute("hidden", !edited);
    const [before, now] = [painted, changed].map((painting) => rateText(painting, step));
    byId("rate-text").textContent = before === now ? before : `${before} as painted, ${now} now`;
}

/** Show what stays the same while steps pass: the picture without the changes. */
export function showComparison({ painter, pictures, edited }) {
    byId("ready").hidden = true;
    byId("picture").hidden = false;
    byId("comparison").hidden = !edited;
    if (edited) draw(byId("as-painted"), pictures.painted, painter);
}
