/* Products of matrices of the sizes that layers have, for kernels.c.

   Each number of a product is one sum in the order of the depth, whatever is beside it. */

/* What one step in the depth adds to the sums of a block. */
INLINE void go_on(const REAL *a, long down, const REAL *b, long tall, long wide, long lanes,
                        vector sums[TALL][WIDE])
{
    vector right[WIDE];
    for (long w = 0; w < wide; w++)
        right[w] = load(b + w * LANES, w == wide - 1 ? lanes : LANES);
    for (long t = 0; t < tall; t++)
        for (long w = 0; w < wide; w++)
            sums[t][w] += a[t * down] * right[w];
}

/* `tall` rows and `wide` vectors of a product, the last vector of `lanes` numbers. An entry of the left matrix is at
   a[row * down + depth * along]; each row of sums begins with `start`, or with zeros where there is none. */
INLINE void block(const REAL *a, long down, long along, const REAL *b, long stride, long depth,
                        const REAL *start, REAL *out, long out_stride, long tall, long wide, long lanes)
{
    vector sums[TALL][WIDE];
    for (long w = 0; w < wide; w++) {
        vector first = {0};
        if (start)
            first = load(start + w * LANES, w == wide - 1 ? lanes : LANES);
        for (long t = 0; t < tall; t++)
            sums[t][w] = first;
    }
#ifdef LOAD_SOME
    long last = depth, d = 0;
#else /* whole vectors are read as long as that does not lead behind the last row */
    long last = (LANES + stride - 1) / stride, d = 0;
#endif
    for (; d + last < depth; d++, a += along, b += stride)
        go_on(a, down, b, tall, wide, LANES, sums);
    for (; d < depth; d++, a += along, b += stride)
        go_on(a, down, b, tall, wide, lanes, sums);
    for (long t = 0; t < tall; t++)
        for (long w = 0; w < wide; w++)
            store(out + t * out_stride + w * LANES, sums[t][w], w == wide - 1 ? lanes : LANES);
}

/* All rows of `wide` vectors of a product. */
INLINE void panel(const REAL *a, long down, long along, const REAL *b, long stride, long rows, long depth,
                        const REAL *start, REAL *out, long out_stride, long wide, long lanes)
{
    long row = 0;
#define ROWS(tall)                                                                                                     \
    for (; row + tall <= rows; row += tall)                                                                            \
    block(a + row * down, down, along, b, stride, depth, start, out + row * out_stride, out_stride, tall, wide, lanes)
    ROWS(TALL);
    ROWS((TALL / 2));
#if TALL > 6
    ROWS((TALL / 4));
#endif
    ROWS(1);
#undef ROWS
}

/* A panel of at most WIDE vectors, of which the columns are `columns`. */
static void panels(const REAL *a, long down, long along, const REAL *b, long stride, long rows, long depth,
                         const REAL *start, REAL *out, long out_stride, long columns)
{
    long wide = (columns + LANES - 1) / LANES, lanes = columns - (wide - 1) * LANES;
    if (wide == WIDE)
        panel(a, down, along, b, stride, rows, depth, start, out, out_stride, WIDE, lanes);
#if WIDE > 2
    else if (wide == 2)
        panel(a, down, along, b, stride, rows, depth, start, out, out_stride, 2, lanes);
#endif
    else
        panel(a, down, along, b, stride, rows, depth, start, out, out_stride, 1, lanes);
}

/* out (rows, columns) = a (rows, depth) b (depth, columns), with the entries of a as they are for `block`. Where `room`
   is given, a panel of a broad b is copied there, whose rows are pages apart otherwise. */
static void multiply(const REAL *a, long down, long along, const REAL *b, long rows, long depth, long columns,
                           REAL *room, REAL *out)
{
    long broad = room && columns * (long)sizeof(REAL) >= BROAD, stride = broad ? WIDE * LANES : columns;
    for (long c = 0; c < columns; c += WIDE * LANES) {
        long width = columns - c < WIDE * LANES ? columns - c : WIDE * LANES;
        if (broad)
            for (long d = 0; d < depth; d++)
                memcpy(room + d * stride, b + d * columns + c, width * sizeof(REAL));
        panels(a, down, along, broad ? room : b + c, stride, rows, depth, 0, out + c, columns, width);
    }
}

/* Lay some rows of weights, (outputs, inputs), out as `wide` vectors for each input. What stands behind the last output
   is any of the weights. */
static void lay_out(const REAL *weights, long outputs, long inputs, long wide, REAL *room)
{
    for (long o = 0; o < wide * LANES; o += LANES) {
        const REAL *rows[LANES];
        long i = 0;
        for (long lane = 0; lane < LANES; lane++)
            rows[lane] = weights + (o + lane < outputs ? o + lane : outputs - 1) * inputs;
#ifdef TURN
        for (; i + 4 <= inputs; i += 4)
            TURN(rows, i, room + i * wide * LANES + o, wide * LANES);
#endif
        for (; i < inputs; i++)
            for (long lane = 0; lane < LANES; lane++)
                room[i * wide * LANES + o + lane] = rows[lane][i];
    }
}

/* out (batch, outputs) = x (batch, inputs) weights^T + bias, which may be null; room is for a panel of the weights. */
static void multiply_turned(const REAL *x, const REAL *weights, const REAL *bias, long batch, long inputs,
                                  long outputs, REAL *room, REAL *out)
{
    for (long o = 0; o < outputs; o += WIDE * LANES) {
        long columns = outputs - o < WIDE * LANES ? outputs - o : WIDE * LANES, wide = (columns + LANES - 1) / LANES;
        lay_out(weights + o * inputs, columns, inputs, wide, room);
        panels(x, inputs, 1, room, wide * LANES, batch, inputs, bias ? bias + o : 0, out + o, outputs, columns);
    }
}
