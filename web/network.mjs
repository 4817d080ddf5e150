// The slow network: latents become the head's outputs, one row a painting step. The layers are those of chapter 01,
// their weights under torch's names; tensors are flat Float32Arrays.
import { dot, sigmoid, softmax } from "./arrays.mjs";

/** Rows of `inputs` (rows, size) through a linear layer: (rows, outputs); four outputs at a time, which is faster. */
export function linear(inputs, size, weight, bias = null) {
    const [rows, outputs] = [inputs.length / size, weight.length / size];
    const result = new Float32Array(rows * outputs);
    for (let o = 0; o < outputs; o += 4) {
        const [a, b, c, d] = [0, 1, 2, 3].map((k) => Math.min(o + k, outputs - 1) * size); // the last may come again
        for (let row = 0; row < rows; row++) {
            const from = row * size;
            let first = 0;
            let second = 0;
            let third = 0;
            let fourth = 0;
            for (let i = 0; i < size; i++) {
                const x = inputs[from + i];
                first += x * weight[a + i];
                second += x * weight[b + i];
                third += x * weight[c + i];
                fourth += x * weight[d + i];
            }
            [first, second, third, fourth].forEach((sum, k) => {
                if (o + k < outputs) result[row * outputs + o + k] = sum + (bias ? bias[o + k] : 0);
            });
        }
    }
    return result;
}

/** Add to `sums` in place, again from its beginning when `terms` is at its end. */
function add(sums, terms) {
    for (let i = 0; i < sums.length; i++) sums[i] += terms[i % terms.length];
    return sums;
}

/** The input of each step: the latent itself (v1), or a small latent of its own (v2 and split). */
function stepInputs(latents, weights, { inputs, steps, tanh_mini_latents: squashed }) {
    let rows;
    if (inputs === "v1") {
        rows = new Float32Array(steps * latents.length);
        for (let t = 0; t < steps; t++) rows.set(latents, t * latents.length);
    } else {
        let minis = latents;
        if (inputs === "v2") {
            minis = linear(latents, latents.length, weights["inputs.to_minis.weight"], weights["inputs.to_minis.bias"]);
            if (squashed) minis = minis.map(Math.tanh);
        }
        const [weight, bias] = [weights["inputs.to_inputs.weight"], weights["inputs.to_inputs.bias"]];
        rows = linear(minis, minis.length / steps, weight, bias);
    }
    const positions = weights["inputs.positions"];
    return positions ? add(rows, positions) : rows;
}

/** One layer of an LSTM over the rows of all steps; `hidden` and `cell` are its state, and change. */
function lstmLayer(rows, steps, layer, weights, hidden, cell) {
    const named = (name) => weights[`slow.lstm.${name}_l${layer}`];
    const [size, recurrent] = [hidden.length, named("weight_hh")];
    const sums = add(linear(rows, rows.length / steps, named("weight_ih"), named("bias_ih")), named("bias_hh"));
    const outputs = new Float32Array(steps * size);
    for (let t = 0; t < steps; t++) {
        const gates = add(linear(hidden, size, recurrent), sums.subarray(4 * t * size, 4 * (t + 1) * size));
        for (let i = 0; i < size; i++) { // torch's order: input, forget, cell, output
            const wanted = sigmoid(gates[i]) * Math.tanh(gates[2 * size + i]);
            cell[i] = sigmoid(gates[size + i]) * cell[i] + wanted;
            hidden[i] = sigmoid(gates[3 * size + i]) * Math.tanh(cell[i]);
        }
        outputs.set(hidden, t * size);
    }
    return outputs;
}

function lstm(rows, latents, weights, { steps, hidden_size: size, num_layers: layers }) {
    const weight = weights["slow.to_state.weight"];
    const state = weight ? linear(latents, latents.length, weight, weights["slow.to_state.bias"])
        : new Float32Array(2 * layers * size);
    for (let layer = 0; layer < layers; layer++) {
        const part = (which) => state.slice((which * layers + layer) * size, (which * layers + layer + 1) * size);
        rows = lstmLayer(rows, steps, layer, weights, part(0), part(1));
    }
    return rows;
}

function layerNorm(rows, size, weight, bias) {
    const result = new Float32Array(rows.length);
    for (let at = 0; at < rows.length; at += size) {
        const row = rows.subarray(at, at + size);
        const mean = row.reduce((a, b) => a + b, 0) / size;
        const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / size;
        const scale = 1 / Math.sqrt(variance + 1e-5);
        for (let i = 0; i < size; i++) result[at + i] = scale * (row[i] - mean) * weight[i] + bias[i];
    }
    return result;
}

/** What every step reads of all steps; `qkv` has query, key and value of each head, (steps, heads, 3, size / heads). */
function attention(qkv, steps, size, heads) {
    const wide = size / heads;
    const result = new Float32Array(steps * size);
    for (let head = 0; head < heads; head++) {
        const at = (t, part) => 3 * t * size + (3 * head + part) * wide;
        for (let t = 0; t < steps; t++) {
            const score = (s) => dot(qkv, at(t, 0), qkv, at(s, 1), wide) / Math.sqrt(size);
            const shares = softmax(Array.from({ length: steps }, (_, s) => score(s)));
            for (let s = 0; s < steps; s++)
                for (let i = 0; i < wide; i++) result[t * size + head * wide + i] += shares[s] * qkv[at(s, 2) + i];
        }
    }
    return result;
}

function transformer(rows, weights, { steps, hidden_size: size, num_layers: layers, num_heads: heads }) {
    for (let layer = 0; layer < layers; layer++) {
        const part = (name) => weights[`slow.layers.${layer}.${name}`];
        const norm = (name) => layerNorm(rows, size, part(`${name}.weight`), part(`${name}.bias`));
        const qkv = linear(norm("attention_norm"), size, part("qkv.weight"));
        rows = add(linear(attention(qkv, steps, size, heads), size, part("mix.weight")), rows);
        const wide = linear(norm("feedforward.0"), size, part("feedforward.1.weight"), part("feedforward.1.bias"));
        const kept = wide.map((x) => Math.max(0, x));
        const mixed = linear(kept, kept.length / steps, part("feedforward.3.weight"), part("feedforward.3.bias"));
        rows = add(mixed, rows);
    }
    return rows;
}

/** What the head says for latents, (steps, outputs): keys, values, learning rates and gates before their functions. */
export function headOutputs(latents, weights, settings) {
    const inputs = stepInputs(latents, weights, settings);
    const network = settings.slow === "transformer" ? transformer(inputs, weights, settings)
        : lstm(inputs, latents, weights, settings);
    let hidden = network;
    if (settings.wide_dim) {
        hidden = linear(network, settings.hidden_size, weights["head.wide.0.weight"], weights["head.wide.0.bias"]);
        hidden = hidden.map((x) => Math.max(0, x));
    }
    return linear(hidden, hidden.length / settings.steps, weights["head.linear.weight"], weights["head.linear.bias"]);
}
