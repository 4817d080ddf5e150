// Files that stand beside the page.

async function answerFor(path) {
    let answer;
    try {
        answer = await fetch(new URL(path, import.meta.url));
    } catch {
        throw new Error(`${path} cannot be loaded: no connection to the server`);
    }
    if (!answer.ok) throw new Error(`${path} cannot be loaded (${answer.status} ${answer.statusText})`);
    return answer;
}

export async function fetchJson(path) {
    return (await answerFor(path)).json();
}

/** The bytes of a file; `progress(bytes)` is called as they arrive. */
export async function fetchBuffer(path, progress = () => {}) {
    const reader = (await answerFor(path)).body.getReader();
    const parts = [];
    let size = 0;
    for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        parts.push(value);
        progress((size += value.length));
    }
    const whole = new Uint8Array(size);
    parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
    return whole.buffer;
}
