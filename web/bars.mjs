// Learning rates as bars, one for each step.
import { channelColours } from "./picture.mjs";

const [WIDE, HIGH] = [600, 40]; // of a row, in the drawing's own units

/** The learning rates of a painting: an array of steps for each channel (of vector rates the mean). */
export function rates({ channels, steps, betas }) {
    const size = betas.length / (channels * steps);
    const mean = (at) => betas.subarray(at * size, (at + 1) * size).reduce((a, b) => a + b, 0) / size;
    return Array.from({ length: channels }, (_, c) => Array.from({ length: steps }, (_, t) => mean(c * steps + t)));
}

/** The content of an SVG element of 600 x 40 units; `most` is the rate of a bar of full height, `off` the steps off. */
export function bars(painting, step, most, off = []) {
    const rows = rates(painting);
    const wide = WIDE / painting.steps;
    const high = HIGH / rows.length;
    const colours = channelColours(painting);
    const column = (t, part, rest) => {
        const left = (t + (1 - part) / 2) * wide;
        return `<rect x="${left.toFixed(2)}" width="${(part * wide).toFixed(2)}" ${rest}/>`;
    };
    const bar = (c, t, rate) => {
        const tall = Math.max(0.5, (0.95 * high * Math.max(0, rate)) / most);
        const place = `y="${((c + 1) * high - tall).toFixed(2)}" height="${tall.toFixed(2)}"`;
        return column(t, 0.8, `${place} fill="${colours[c]}"`);
    };
    const outline = `y="1" height="${HIGH - 2}" fill="none" stroke="currentColor" stroke-dasharray="2"`;
    const empty = (t) => column(t - 1, 0.8, outline);
    return column(step - 1, 1, `class="mark" y="0" height="${HIGH}"`)
        + rows.map((row, c) => row.map((rate, t) => bar(c, t, rate)).join("")).join("") + off.map(empty).join("");
}

/** Draw rows of bars on one scale, `[element, painting, steps that are off]` each. */
export function drawBars(rows, step) {
    const most = Math.max(1, ...rows.flatMap(([, painting]) => rates(painting).flat()));
    for (const [element, painting, off] of rows) {
        element.setAttribute("viewBox", `0 0 ${WIDE} ${HIGH}`);
        element.innerHTML = bars(painting, step, most, off);
    }
}

/** The step, counted from 1, of the bar at which an element was clicked. */
export function clickedStep(event, steps) {
    const box = event.currentTarget.getBoundingClientRect();
    return Math.min(steps, 1 + Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * steps)));
}

/** The rates of a step as text. */
export function rateText(painting, step) {
    return rates(painting).map((channel) => channel[step - 1].toFixed(2)).join(", ");
}
