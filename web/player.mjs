// Playing: one step after the other, until the last.

export class Player {
    #timer = null;

    /** `show(step)` shows a step, `changed(playing)` hears of beginning and end. */
    constructor({ show, changed, interval = 150 }) {
        Object.assign(this, { show, changed, interval });
    }

    get playing() {
        return this.#timer !== null;
    }

    /** Play from after a step to the last. */
    play(from, last) {
        this.stop();
        let step = from >= last ? 0 : from;
        this.#timer = setInterval(() => {
            this.show(++step);
            if (step >= last) this.stop();
        }, this.interval);
        this.changed(true);
    }

    stop() {
        if (!this.playing) return;
        clearInterval(this.#timer);
        this.#timer = null;
        this.changed(false);
    }
}
