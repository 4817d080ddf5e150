// The ways to paint a visitor's photograph, and how near each comes to it.
import { asSeenBy } from "./encoder.mjs";
import { leftOver, PHOTOGRAPH } from "./photograph.mjs";
import { draw } from "./picture.mjs";

const byId = (id) => document.getElementById(id);

/** A button of the page with a text. */
export function button(text, act) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.addEventListener("click", act);
    return made;
}

/** The changes of the state that each way is, by what its button says: only painters with an encoder are offered. */
function waysOf(listed) {
    const encoded = listed.filter(({ encoder }) => encoder);
    return [
        ["its best strokes", { model: PHOTOGRAPH, nearest: "" }],
        ...encoded.map(({ name, title }) => [`nearest of the ${title}`, { model: name, nearest: "1" }]),
    ];
}

/** Buttons that `choose` a way, and what the way that the state shows leaves over of the photograph. */
export function showWays({ model, nearest }, { painter, pictures }, photograph, listed, choose) {
    byId("ways").hidden = !photograph;
    const ways = waysOf(listed);
    if (!byId("ways").children.length) {
        byId("ways").replaceChildren(...ways.map(([text, way]) => button(text, () => choose(way))));
    }
    ways.forEach(([, way], i) => {
        const pressed = way.model === model && way.nearest === nearest;
        byId("ways").children[i].setAttribute("aria-pressed", String(pressed));
    });
    byId("given").hidden = !nearest;
    byId("left-over").textContent = nearest ? paintingLeaves(painter, pictures.painted, photograph)
        : model === PHOTOGRAPH ? strokesLeave(painter, photograph) : "";
}

function strokesLeave({ steps }, photograph) {
    const left = leftOver(photograph, steps).toFixed(1);
    return `${steps} strokes leave over ${left} of 255 grey levels (root of the mean squared error); no others of as`
        + " many leave less.";
}

function paintingLeaves(painter, painted, photograph) {
    const { image } = asSeenBy(painter, photograph);
    draw(byId("given"), image, painter);
    const squares = image.reduce((sum, x, i) => sum + (x - Math.min(1, Math.max(0, painted[i]))) ** 2, 0);
    const left = (255 * Math.sqrt(squares / image.length)).toFixed(1);
    return `On the left is the photograph as this painter sees it. Its encoder finds a picture that leaves over ${left}`
        + " of 255 grey levels (root of the mean squared error): a painter can paint only what it has learned. Change it"
        + " like any other.";
}
