// Saving: the picture as PNG, the painting as a film.
import { canvasAfter, draw } from "./picture.mjs";

function offer(blob, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** A larger copy of a canvas element, pixel by pixel. */
function enlarged(element, scale) {
    const large = document.createElement("canvas");
    [large.width, large.height] = [element.width * scale, element.height * scale];
    const context = large.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(element, 0, 0, large.width, large.height);
    return large;
}

/** Offer a picture, (channels, height, width) in the proportions of a painting, as a PNG file; a small one enlarged. */
export async function savePicture(image, painting, name) {
    const { channels } = painting;
    const height = Math.round(Math.sqrt((image.length / channels) * (painting.height / painting.width)));
    const element = document.createElement("canvas");
    draw(element, { image, channels, height, width: image.length / channels / height });
    const large = enlarged(element, Math.max(1, Math.round(512 / element.width)));
    offer(await new Promise((done) => large.toBlob(done, "image/png")), `${name}.png`);
}

const KINDS = ["video/webm;codecs=vp9", "video/webm", "video/mp4"];

/** Record a painting step by step, and then its final picture, as a film in a form that this browser can write. */
export async function saveFilm(painter, painting, picture, name, { perSecond = 8, say = () => {} } = {}) {
    const kind = KINDS.find((one) => globalThis.MediaRecorder?.isTypeSupported(one));
    if (!kind) throw new Error("this browser cannot record films: save the picture instead");
    const { channels, height, width, steps } = painting;
    const small = document.createElement("canvas");
    const show = (image) => draw(small, { image, channels, height, width });
    show(painter.shown(canvasAfter(painting, 1)));
    const film = enlarged(small, Math.max(1, Math.round(384 / width)));
    const context = film.getContext("2d");
    const recorder = new MediaRecorder(film.captureStream(), { mimeType: kind, videoBitsPerSecond: 4_000_000 });
    const parts = [];
    recorder.ondataavailable = (event) => parts.push(event.data);
    const stopped = new Promise((done) => { recorder.onstop = done; });
    recorder.start();
    for (let step = 1; step <= steps + perSecond; step++) {
        show(step <= steps ? painter.shown(canvasAfter(painting, step)) : picture);
        context.imageSmoothingEnabled = false;
        context.drawImage(small, 0, 0, film.width, film.height);
        say(`recording step ${Math.min(step, steps)} of ${steps}`);
        await new Promise((done) => setTimeout(done, 1000 / perSecond));
    }
    recorder.stop();
    await stopped;
    offer(new Blob(parts, { type: kind }), `${name}.${kind.includes("webm") ? "webm" : "mp4"}`);
}
