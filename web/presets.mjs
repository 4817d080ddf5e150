// Changes to try, by name.
import { applyEdit, stepsText } from "./edit.mjs";
import { canvasAfter } from "./rules.mjs";

/** The state's settings that are changes, as they are without any. */
export const UNCHANGED = Object.freeze({ off: "", scale: 1, borrow: "", order: "as painted", shuffle: 0, rule: "" });

/** The region of a picture of which nothing else is known: its edges as fractions of height and width. */
export const MIDDLE = Object.freeze({ name: "the middle", top: 0.35, bottom: 0.65, left: 0.35, right: 0.65 });

/** How much a picture changes inside and outside a region, on average. */
function changeIn(before, after, { channels, height, width }, region) {
    const [sums, counts] = [[0, 0], [0, 0]];
    const within = (part, low, high) => part >= low && part < high;
    for (let i = 0; i < before.length; i++) {
        const [row, column] = [(Math.floor(i / width) % height) / height, (i % width) / width];
        const outside = within(row, region.top, region.bottom) && within(column, region.left, region.right) ? 0 : 1;
        sums[outside] += Math.abs(before[i] - after[i]);
        counts[outside] += 1;
    }
    return sums.map((sum, k) => sum / Math.max(1, counts[k]));
}

/** The steps that matter most to a region of a picture, and more to it than to the rest. */
export function stepsOf(region, painter, program, count = 4) {
    const pictureWithout = (off) => {
        const edit = { off, scale: 1, borrow: [], order: "as painted" };
        const painting = applyEdit(program, painter.writing(), edit, program);
        return painter.shown(canvasAfter(painting, painting.steps));
    };
    const whole = pictureWithout([]);
    const effects = Array.from({ length: program.steps }, (_, t) => {
        const [inside, outside] = changeIn(whole, pictureWithout([t + 1]), program, region);
        return { step: t + 1, effect: inside - outside };
    });
    return effects.sort((a, b) => b.effect - a.effect).slice(0, count).map(({ step }) => step);
}

/** The presets for a painter: names, and functions from a program to the changes. */
export function presets({ painter, region, photograph }) {
    const { steps } = painter;
    const listed = [
        { name: "as painted", changes: () => ({}) },
        { name: "only the first eight strokes", changes: () => ({ off: `9-${steps}` }), fits: steps > 8 },
        { name: "backwards", changes: () => ({ order: "reversed" }) },
        { name: "its keys, another's values", changes: () => ({ borrow: "values" }), fits: !photograph },
        { name: "Hebbian: add, whatever is there", changes: () => ({ rule: "hebbian" }), fits: !photograph },
        {
            name: `without ${region.name}${region.name.endsWith("s") ? "'" : "'s"} strokes`,
            changes: (program) => ({ off: stepsText(stepsOf(region, painter, program)) }),
        },
    ];
    return listed.filter(({ fits = true }) => fits)
        .map(({ name, changes }) => ({ name, changes: (program) => ({ ...UNCHANGED, ...changes(program) }) }));
}
