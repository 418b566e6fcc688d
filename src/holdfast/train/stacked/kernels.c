/* The optimisers' steps of many networks, one pass over the numbers of each while they are in the cache; and with the
   files that this one includes, all else that is compiled.

   Row k of `rows` has its own coefficients, and leaves the others as they are whatever it holds. The steps are those of
   holdfast.train.optimisers.update. The numbers are of single precision, or with DOUBLE of double precision. */

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "numbers.c"
#include "functions.c"
#include "products.c"

/* Whether products that are moved by as they are made have been measured to be faster than to write them first. */
long takes_products(void)
{
#ifdef __AVX512F__
    return 1;
#else
    return 0;
#endif
}

/* What a row's step depends on; holdfast.train.stacked.native.FIELDS has the same order. */
typedef struct {
    double rate, decay, clip, l1, average, momentum, keep_first, keep_second, scale;
} Coefficients;

/* The gradient of a matrix of weights (outputs, inputs) as the product that it is, before it is written: the transpose
   of the gradient of a layer's outputs, (batch, outputs), and its inputs, (batch, inputs). */
typedef struct {
    long outputs, inputs, batch;
    const REAL *slopes, *x;       /* of the first network */
    long slopes_stride, x_stride; /* from one network to the next */
} Product;

/* Parameters that are next to each other. */
typedef struct {
    long begin, end, decays; /* whether weight decay applies to them */
    long product;            /* the index of the product that is their gradient, or -1 where that is written */
} Piece;

typedef struct {
    long rows, size;              /* of the matrices */
    long coupled, nesterov;       /* whether decay goes through the moments; whether SGD looks ahead */
    REAL *values, *gradients;     /* (rows, size), as all that follow */
    REAL *first, *second;         /* moments of Adam; `first` is the velocity of SGD, without a second */
    REAL *average;                /* of the values, or null */
    double *norms;                /* (rows): of the gradients, before clipping */
    long count;                   /* of pieces */
    const Piece *pieces;
    const Product *products;
    REAL *room;                   /* for TALL rows of the widest product */
} Stack;

static REAL square(const REAL *restrict x, long size)
{
    REAL sum = 0;
#pragma omp simd reduction(+ : sum)
    for (long i = 0; i < size; i++)
        sum += x[i] * x[i];
    return sum;
}

/* Add the products of `tall` rows of (., size) from a on with as many from b on, lane by lane, to sums (tall, tall). */
INLINE void dots(const REAL *a, const REAL *b, long size, long tall, long lanes, vector * sums)
{
    vector right[4];
    for (long c = 0; c < tall; c++)
        right[c] = load(b + c * size, lanes);
    for (long r = 0; r < tall; r++) {
        vector left = load(a + r * size, lanes);
        for (long c = 0; c < tall; c++)
            sums[r * tall + c] += left * right[c];
    }
}

INLINE void all_dots(const REAL *a, const REAL *b, long size, long tall, vector * sums)
{
    long i = 0;
    for (; i + LANES <= size; i += LANES)
        dots(a + i, b + i, size, tall, LANES, sums);
    if (i < size)
        dots(a + i, b + i, size, tall, size - i, sums);
}

/* What `tall` rows from r on and as many from c on bring to the squared length of a product. */
INLINE REAL pairs(const Product *p, const REAL *slopes, const REAL *x, long r, long c, long tall)
{
    vector of_slopes[16] = {0}, of_x[16] = {0}, sum = {0};
    all_dots(slopes + r * p->outputs, slopes + c * p->outputs, p->outputs, tall, of_slopes);
    all_dots(x + r * p->inputs, x + c * p->inputs, p->inputs, tall, of_x);
    for (long i = 0; i < tall * tall; i++)
        sum += sum_of(of_slopes[i]) * of_x[i];
    return (r == c ? 1 : 2) * sum_of(sum);
}

/* The squared length of a product, without the product: the sum over all pairs of rows of what the rows of slopes have
   in common, times what the rows of inputs have. */
static REAL product_square(const Product *p, const REAL *slopes, const REAL *x)
{
    REAL sum = 0;
    long whole = p->batch - p->batch % 4;
    for (long r = 0; r < whole; r += 4)
        for (long c = 0; c <= r; c += 4)
            sum += pairs(p, slopes, x, r, c, 4);
    for (long r = whole; r < p->batch; r++)
        for (long c = 0; c <= r; c++)
            sum += pairs(p, slopes, x, r, c, 1);
    return sum < 0 ? 0 : sum; /* by rounding */
}

static void adam(const Coefficients *c, const Stack *s, long at, long count, const REAL *restrict g,
                       REAL shorten, REAL decay)
{
    REAL *restrict p = s->values + at, *restrict m = s->first + at, *restrict v = s->second + at;
    REAL one = 1 - c->keep_first, two = 1 - c->keep_second, keep = c->keep_second, step = c->rate, scale = c->scale;
    REAL coupled = s->coupled ? decay : 0, free = s->coupled ? 0 : decay;
    long i = 0;
#ifdef QUOTIENT
    for (; i + LANES <= count; i += LANES) {
        vector value = load(p + i, LANES), mean = load(m + i, LANES);
        vector slope = load(g + i, LANES) * shorten + coupled * value;
        vector square = keep * load(v + i, LANES) + two * slope * slope;
        mean += one * (slope - mean);
        value -= free * value + step * QUOTIENT(mean, square, scale);
        memcpy(m + i, &mean, BYTES);
        memcpy(v + i, &square, BYTES);
        memcpy(p + i, &value, BYTES);
    }
#endif
#pragma omp simd
    for (long j = i; j < count; j++) {
        REAL slope = g[j] * shorten + coupled * p[j];
        REAL mean = m[j] + one * (slope - m[j]), square = keep * v[j] + two * slope * slope;
        m[j] = mean;
        v[j] = square;
        p[j] = p[j] - free * p[j] - step * mean / (ROOT(square) * scale + (REAL)1e-8);
    }
}

static void sgd(const Coefficients *c, const Stack *s, long at, long count, const REAL *restrict g,
                      REAL shorten, REAL decay)
{
    REAL *restrict p = s->values + at, *restrict m = s->first + at;
    REAL momentum = c->momentum, rate = c->rate;
    REAL coupled = s->coupled ? decay : 0, free = s->coupled ? 0 : decay;
    REAL now = s->nesterov ? rate : 0, later = s->nesterov ? rate * momentum : rate;
#pragma omp simd
    for (long i = 0; i < count; i++) {
        REAL slope = g[i] * shorten + coupled * p[i];
        REAL velocity = momentum * m[i] + slope;
        m[i] = velocity;
        p[i] = p[i] - free * p[i] - now * slope - later * velocity;
    }
}

static void finish(const Coefficients *c, const Stack *s, long at, long count, long decays)
{
    REAL *restrict p = s->values + at;
    REAL most = c->l1, weight = c->average;
    if (decays && most > 0)
#pragma omp simd
        for (long i = 0; i < count; i++) {
            REAL shrunk = p[i] < most ? p[i] : most;
            p[i] -= shrunk > -most ? shrunk : -most;
        }
    if (s->average) {
        REAL *restrict a = s->average + at;
#pragma omp simd
        for (long i = 0; i < count; i++)
            a[i] += weight * (p[i] - a[i]);
    }
}

/* The step of `count` numbers that begin at `at`, whose gradient is g. */
static void move(const Coefficients *c, const Stack *s, long at, long count, const REAL *g,
                       REAL shorten, long decays)
{
    if (s->second)
        adam(c, s, at, count, g, shorten, decays ? c->decay : 0);
    else
        sgd(c, s, at, count, g, shorten, decays ? c->decay : 0);
    finish(c, s, at, count, decays);
}

/* The step of weights whose gradient is a product: some rows of it at a time, which never leave the cache. */
static void move_by_product(const Coefficients *c, const Stack *s, long at, const Product *p,
                                  const REAL *slopes, const REAL *x, REAL shorten, long decays)
{
    long o = 0;
    for (; o + TALL <= p->outputs; o += TALL) {
        multiply(slopes + o, 1, p->outputs, x, TALL, p->batch, p->inputs, 0, s->room);
        move(c, s, at + o * p->inputs, TALL * p->inputs, s->room, shorten, decays);
    }
    for (; o < p->outputs; o++) {
        multiply(slopes + o, 1, p->outputs, x, 1, p->batch, p->inputs, 0, s->room);
        move(c, s, at + o * p->inputs, p->inputs, s->room, shorten, decays);
    }
}

static double norm_of(const Stack *s, long row)
{
    REAL sum = 0;
    for (const Piece *piece = s->pieces; piece < s->pieces + s->count; piece++) {
        const Product *p = s->products + piece->product;
        if (piece->product < 0)
            sum += square(s->gradients + row * s->size + piece->begin, piece->end - piece->begin);
        else
            sum += product_square(p, p->slopes + row * p->slopes_stride, p->x + row * p->x_stride);
    }
    return ROOT(sum);
}

/* One step of the first `rows` rows. A row whose gradient is not finite stays as it is. */
void step(const Stack *s, const Coefficients *coefficients, long rows)
{
    for (long row = 0; row < rows; row++) {
        const Coefficients *c = coefficients + row;
        double norm = norm_of(s, row);
        s->norms[row] = norm;
        if (!isfinite(norm))
            continue;
        REAL shorten = c->clip > 0 && norm > c->clip ? c->clip / norm : 1;
        for (const Piece *piece = s->pieces; piece < s->pieces + s->count; piece++) {
            long at = row * s->size + piece->begin;
            const Product *p = s->products + piece->product;
            if (piece->product < 0)
                move(c, s, at, piece->end - piece->begin, s->gradients + at, shorten, piece->decays);
            else
                move_by_product(c, s, at, p, p->slopes + row * p->slopes_stride, p->x + row * p->x_stride,
                                      shorten, piece->decays);
        }
    }
}

/* What dropout multiplies `size` entries by, `count` times: where `kept` of 65536 random numbers leave one, it is
   scaled up. The numbers of one mask lie `step` behind those of the one before. */
void masks(const int16_t *restrict bits, long count, long size, long step, long kept, REAL *restrict out)
{
    REAL scale = 65536.0 / kept;
    int16_t below = kept - 32768;
    for (long mask = 0; mask < count; mask++)
#pragma omp simd
        for (long i = 0; i < size; i++)
            out[mask * size + i] = bits[mask * step + i] < below ? scale : 0;
}

/* x / sqrt(1 + (x / limit)^2) in place. */
void clip(REAL *restrict x, long count, double limit)
{
    REAL scale = 1 / limit;
#pragma omp simd
    for (long i = 0; i < count; i++)
        x[i] /= ROOT(1 + x[i] * scale * x[i] * scale);
}

/* e^x of `count` numbers in place. */
static void powers(REAL *x, long count)
{
    for (long i = 0; i < count; i += LANES) {
        long some = vector_part(count, i);
        store(x + i, power(load(x + i, some)), some);
    }
}

/* Cross-entropy of scores (rows, classes) against targets of the same shape, which need not sum to one: its mean over
   the rows is returned, its gradient takes the place of the scores. */
static REAL entropy(REAL *restrict scores, const REAL *restrict targets, long rows, long classes)
{
    REAL total = 0;
    for (long row = 0; row < rows; row++) {
        REAL *z = scores + row * classes, most = z[0], dot = 0;
        const REAL *t = targets + row * classes;
        for (long c = 1; c < classes; c++)
            most = z[c] > most ? z[c] : most;
        for (long c = 0; c < classes; c++) {
            z[c] -= most;
            dot += t[c] * z[c];
        }
        total -= dot;
    }
    powers(scores, rows * classes);
    for (long row = 0; row < rows; row++) {
        REAL *z = scores + row * classes, sum = 0, weight = 0;
        const REAL *t = targets + row * classes;
        for (long c = 0; c < classes; c++) {
            weight += t[c];
            sum += z[c];
        }
        total += weight * LOG(sum);
        REAL factor = weight / (sum * rows);
        for (long c = 0; c < classes; c++)
            z[c] = z[c] * factor - t[c] / rows;
    }
    return total / rows;
}

#include "passes.c"
