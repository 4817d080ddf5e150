// The random numbers of torch's CPU generator, so that a seed means the same picture here as in Python.

/** The Mersenne Twister MT19937, seeded as `torch.Generator().manual_seed(seed)` seeds it. */
export class MersenneTwister {
    constructor(seed) {
        this.state = new Uint32Array(624);
        this.state[0] = seed >>> 0;
        for (let i = 1; i < 624; i++) {
            const before = this.state[i - 1] ^ (this.state[i - 1] >>> 30);
            this.state[i] = Math.imul(1812433253, before) + i;
        }
        this.next = 624;
    }

    /** A random integer of 32 bits. */
    random() {
        if (this.next === 624) this.#twist();
        let x = this.state[this.next++];
        x ^= x >>> 11;
        x ^= (x << 7) & 0x9d2c5680;
        x ^= (x << 15) & 0xefc60000;
        return (x ^ (x >>> 18)) >>> 0;
    }

    #twist() {
        const s = this.state;
        for (let i = 0; i < 624; i++) {
            const mixed = (s[i] & 0x80000000) | (s[(i + 1) % 624] & 0x7fffffff);
            s[i] = s[(i + 397) % 624] ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
        }
        this.next = 0;
    }

    /** A number in [0, 1) of 24 bits, as torch draws float32. */
    uniform() {
        return (this.random() & 0xffffff) / 0x1000000;
    }
}

/** Sixteen uniform numbers become sixteen normal ones in place, by the transform of Box and Muller. */
function boxMuller(values, at) {
    for (let i = at; i < at + 8; i++) {
        const radius = Math.sqrt(-2 * Math.log(1 - values[i]));
        const angle = 2 * Math.PI * values[i + 8];
        values[i] = radius * Math.cos(angle);
        values[i + 8] = radius * Math.sin(angle);
    }
}

/** `torch.randn(count, generator=torch.Generator().manual_seed(seed))`, for 16 numbers and more. */
export function randn(count, seed) {
    if (count < 16) throw new RangeError(`${count} numbers asked for: torch draws fewer than 16 in another way`);
    const generator = new MersenneTwister(seed);
    const values = Float32Array.from({ length: count }, () => generator.uniform());
    for (let at = 0; at + 16 <= count; at += 16) boxMuller(values, at);
    if (count % 16) {
        for (let i = count - 16; i < count; i++) values[i] = generator.uniform();
        boxMuller(values, count - 16);
    }
    return values;
}

/** `torch.randperm(count, generator=torch.Generator().manual_seed(seed))`. */
export function randperm(count, seed) {
    const generator = new MersenneTwister(seed);
    const order = Array.from({ length: count }, (_, i) => i);
    for (let i = 0; i < count - 1; i++) {
        const j = i + (generator.random() % (count - i));
        [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
}
