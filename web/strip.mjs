// Twelve pictures to choose from: those of the seeds around the one that is shown.
import { draw } from "./picture.mjs";

const COUNT = 12;
const breath = () => new Promise((done) => setTimeout(done));

export class Strip {
    #drawn = ""; // what the buttons show: a painter's name and the first seed

    constructor(element, choose) {
        Object.assign(this, { element, choose });
    }

    /** Show the pictures around a seed, one after the other, so that the page answers meanwhile. */
    async show(name, painter, seed, pressed = true) {
        const first = Math.floor(seed / COUNT) * COUNT;
        const wanted = `${name} ${first}`;
        if (this.#drawn !== wanted) this.#fill(first);
        for (const button of this.element.children) {
            button.setAttribute("aria-pressed", String(pressed && Number(button.dataset.seed) === seed));
        }
        if (this.#drawn === wanted) return;
        this.#drawn = wanted;
        for (const button of this.element.children) {
            await breath();
            if (this.#drawn !== wanted) return;
            const outputs = await painter.outputsOf(Number(button.dataset.seed));
            if (this.#drawn !== wanted) return;
            const canvas = document.createElement("canvas");
            canvas.setAttribute("aria-hidden", "true"); // the button has the name
            draw(canvas, await painter.picture(painter.paint(painter.program(outputs))), painter);
            button.replaceChildren(canvas);
        }
    }

    #fill(first) {
        const seeds = Array.from({ length: COUNT }, (_, i) => first + i);
        this.element.replaceChildren(...seeds.map((seed) => {
            const button = document.createElement("button");
            button.type = "button";
            button.dataset.seed = seed;
            button.setAttribute("aria-label", `picture of seed ${seed}`);
            button.addEventListener("click", () => this.choose(seed));
            return button;
        }));
    }
}
