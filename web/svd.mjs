// The singular value decomposition: the best approximation of a matrix by so many ranks (Eckart and Young).

function inner(a, b) {
    let sum = 0;
    for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
    return sum;
}

/** Turn two vectors into each other's direction until they are orthogonal; returns whether they were not yet. */
function orthogonalise(vectors, squares, p, q) {
    const [a, b] = [vectors[p], vectors[q]];
    const overlap = inner(a, b);
    if (Math.abs(overlap) <= 1e-12 * Math.sqrt(squares[p] * squares[q])) return false;
    const zeta = (squares[q] - squares[p]) / (2 * overlap);
    const tangent = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
    const cosine = 1 / Math.sqrt(1 + tangent * tangent);
    const sine = cosine * tangent;
    for (let i = 0; i < a.length; i++) {
        const x = a[i];
        a[i] = cosine * x - sine * b[i];
        b[i] = sine * x + cosine * b[i];
    }
    squares[p] -= tangent * overlap;
    squares[q] += tangent * overlap;
    return true;
}

/** Make vectors orthogonal by rotations of two at a time, which leave their span and sizes' sum alone (Jacobi). */
function rotate(vectors) {
    for (let sweep = 0; sweep < 30; sweep++) {
        const squares = vectors.map((vector) => inner(vector, vector));
        let turned = false;
        for (let p = 0; p < vectors.length; p++)
            for (let q = p + 1; q < vectors.length; q++) turned = orthogonalise(vectors, squares, p, q) || turned;
        if (!turned) return;
    }
}

/** The matrix (rows x columns, flat) times a vector for each of its rows or, from the other side, its columns. */
function times(matrix, rows, columns, vector, transposed) {
    const result = new Float64Array(transposed ? columns : rows);
    for (let i = 0; i < rows; i++) {
        for (let j = 0; j < columns; j++) {
            if (transposed) result[j] += matrix[i * columns + j] * vector[i];
            else result[i] += matrix[i * columns + j] * vector[j];
        }
    }
    return result;
}

/** The `count` largest singular values of a matrix (rows x columns, flat) with their unit vectors, largest first. */
export function svd(matrix, rows, columns, count) {
    const wide = columns > rows; // the fewer and longer vectors are rotated
    const pick = wide ? (k, i) => matrix[k * columns + i] : (k, i) => matrix[i * columns + k];
    const [many, long] = wide ? [rows, columns] : [columns, rows];
    const vectors = Array.from({ length: many }, (_, k) => Float64Array.from({ length: long }, (_, i) => pick(k, i)));
    rotate(vectors);
    const sized = vectors.map((vector) => ({ vector, size: Math.sqrt(inner(vector, vector)) }));
    sized.sort((a, b) => b.size - a.size);
    const least = 1e-6 * sized[0].size; // less is rounding, and has no direction
    return sized.slice(0, count).map(({ vector, size }) => {
        const unit = vector.map((x) => (size > least ? x / size : 0));
        const across = times(matrix, rows, columns, unit, !wide).map((x) => (size > least ? x / size : 0));
        return wide ? { size, left: across, right: unit } : { size, left: unit, right: across };
    });
}
