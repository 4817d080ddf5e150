// Weights as they are stored: the format of safetensors, numbers in half precision or float32.
//
// A file is the length of its header (8 bytes), the header in JSON (for each tensor its kind, shape and place, and
// texts under `__metadata__`), and the numbers.

/** Every number of half precision as float32: their bits are the index. */
function halfNumbers() {
    const numbers = new Float32Array(65536);
    for (let bits = 0; bits < 65536; bits++) {
        const [exponent, fraction] = [(bits >> 10) & 31, (bits & 1023) / 1024];
        const size = exponent ? (1 + fraction) * 2 ** (exponent - 15) : fraction * 2 ** -14;
        numbers[bits] = exponent === 31 ? NaN : bits >> 15 ? -size : size;
    }
    return numbers;
}

let halves = null; // made when they are first needed

const READERS = {
    F32: (buffer) => new Float32Array(buffer),
    F16: (buffer) => {
        halves ??= halfNumbers();
        return Float32Array.from(new Uint16Array(buffer), (bits) => halves[bits]);
    },
};

/** The tensors of a file by name, as flat Float32Arrays, and its texts. Throws an Error for what is no such file. */
export function readSafetensors(buffer) {
    try {
        const length = Number(new DataView(buffer).getBigUint64(0, true));
        const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
        const { __metadata__: texts = {}, ...listed } = header;
        const tensors = {};
        for (const [name, { dtype, shape, data_offsets: [begin, end] }] of Object.entries(listed)) {
            tensors[name] = READERS[dtype](buffer.slice(8 + length + begin, 8 + length + end));
            if (tensors[name].length !== shape.reduce((a, b) => a * b, 1)) throw new RangeError(`${name} is cut off`);
        }
        return { tensors, texts };
    } catch (error) {
        throw new Error(`the file of weights is damaged (${error.message}): load the page again`);
    }
}
