// Saving: the picture as PNG, the painting as a film, each stroke beside its canvas.
import { draw, drawStroke } from "./picture.mjs";
import { canvasAfter } from "./rules.mjs";

function offer(blob, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Offer an image (channels, height, width) as a PNG file, every pixel a square of `scale` x `scale`. */
export async function savePicture(image, shape, scale, name) {
    const small = document.createElement("canvas");
    draw(small, image, shape);
    const large = document.createElement("canvas");
    [large.width, large.height] = [small.width * scale, small.height * scale];
    const context = large.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(small, 0, 0, large.width, large.height);
    offer(await new Promise((done) => large.toBlob(done, "image/png")), `${name}.png`);
}

const KINDS = ["video/mp4;codecs=avc1.42E01F", "video/webm;codecs=vp9", "video/webm", "video/mp4"];
const GAP = 16; // between stroke and canvas, pixels

/** Record a painting step by step, and then its final picture, as a film in a form that this browser can write. */
export async function saveFilm(painter, painting, picture, name, { perSecond = 8, say = () => {} } = {}) {
    const kind = KINDS.find((one) => globalThis.MediaRecorder?.isTypeSupported(one));
    if (!kind) throw new Error("this browser cannot record films: save the picture instead");
    const { height, width, steps } = painting;
    const [small, film] = [document.createElement("canvas"), document.createElement("canvas")];
    const scale = Math.max(1, Math.round(512 / Math.max(width, height)));
    [film.width, film.height] = [2 * scale * width + GAP, 2 * Math.ceil((scale * height) / 2)];
    const context = film.getContext("2d");
    const put = (x) => context.drawImage(small, x, 0, scale * width, scale * height);
    const show = (step, image) => {
        context.imageSmoothingEnabled = false;
        drawStroke(small, painting, step);
        put(0);
        draw(small, image, painting);
        put(scale * width + GAP);
    };
    show(1, painter.shown(canvasAfter(painting, 1)));
    const recorder = new MediaRecorder(film.captureStream(), { mimeType: kind, videoBitsPerSecond: 4_000_000 });
    const parts = [];
    recorder.ondataavailable = (event) => parts.push(event.data);
    const stopped = new Promise((done) => { recorder.onstop = done; });
    recorder.start();
    for (let step = 1; step <= steps + perSecond; step++) {
        if (step < steps) show(step, painter.shown(canvasAfter(painting, step)));
        else show(steps, picture);
        say(`recording stroke ${Math.min(step, steps)} of ${steps}`);
        await new Promise((done) => setTimeout(done, 1000 / perSecond));
    }
    recorder.stop();
    await stopped;
    offer(new Blob(parts, { type: kind }), `${name}.${kind.includes("webm") ? "webm" : "mp4"}`);
}
