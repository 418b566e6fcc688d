/* The optimisers' steps of many networks, one pass over the numbers of each while they are in the cache.

   Row k of `rows` has its own coefficients, and leaves the others as they are whatever it holds. The steps are those of
   holdfast.train.optimisers.update. This file includes itself once for each type of numbers. */

#ifndef REAL
#include <math.h>
#include <stdint.h>
#include <string.h>

/* Bytes of a vector, and the block of a product whose sums are kept in registers: its rows, and vectors in each. */
#ifdef __AVX512F__
#define BYTES 64
#define TALL 8
#define WIDE 3
#else
#define BYTES 32
#define TALL 4
#define WIDE 2
#endif
#define INLINE static inline __attribute__((always_inline))

/* Whether products that are moved by as they are made have been measured to be faster than those of a library. */
long takes_products(void)
{
#ifdef __AVX512F__
    return 1;
#else
    return 0;
#endif
}

#ifdef __AVX512F__
#include <immintrin.h>

/* mean / (sqrt(square) * scale + 1e-8), in a third of the time of a root and a division: each begins with 14 bits and is
   made exact to the rounding by one step of Newton's method. */
INLINE __m512 quotient(__m512 mean, __m512 square, float scale)
{
    __m512 positive = _mm512_max_ps(square, _mm512_set1_ps(1e-37f));
    __m512 inverse = _mm512_rsqrt14_ps(positive);
    inverse *= 1.5f - 0.5f * positive * inverse * inverse;
    __m512 below = square * inverse * scale + 1e-8f;
    __m512 found = _mm512_rcp14_ps(below);
    return mean * (found * (2.0f - below * found));
}
#define QUOTIENT quotient
#endif

#define REAL float
#define ROOT sqrtf
#define EXP expf
#define LOG logf
#define NAME(function) function##_float32
#include "kernels.c"
#undef QUOTIENT
#undef REAL
#undef ROOT
#undef EXP
#undef LOG
#undef NAME
#define REAL double
#define ROOT sqrt
#define EXP exp
#define LOG log
#define NAME(function) function##_float64
#include "kernels.c"
#else

/* What a row's step depends on; holdfast.train.stacked.native.FIELDS has the same order. */
typedef struct {
    double rate, decay, clip, l1, average, momentum, keep_first, keep_second, scale;
} NAME(Coefficients);

/* The gradient of a matrix of weights (outputs, inputs) as the product that it is, before it is written: the transpose
   of the gradient of a layer's outputs, (batch, outputs), and its inputs, (batch, inputs). */
typedef struct {
    long outputs, inputs, batch;
    const REAL *slopes, *x;       /* of the first network */
    long slopes_stride, x_stride; /* from one network to the next */
} NAME(Product);

/* Parameters that are next to each other. */
typedef struct {
    long begin, end, decays; /* whether weight decay applies to them */
    long product;            /* the index of the product that is their gradient, or -1 where that is written */
} NAME(Piece);

typedef struct {
    long rows, size;              /* of the matrices */
    long coupled, nesterov;       /* whether decay goes through the moments; whether SGD looks ahead */
    REAL *values, *gradients;     /* (rows, size), as all that follow */
    REAL *first, *second;         /* moments of Adam; `first` is the velocity of SGD, without a second */
    REAL *average;                /* of the values, or null */
    double *norms;                /* (rows): of the gradients, before clipping */
    long count;                   /* of pieces */
    const NAME(Piece) *pieces;
    const NAME(Product) *products;
    REAL *room;                   /* for TALL rows of the widest product */
} NAME(Stack);

typedef REAL NAME(vector) __attribute__((vector_size(BYTES)));
#define LANES ((long)(BYTES / sizeof(REAL)))

INLINE NAME(vector) NAME(load)(const REAL *x, long count)
{
    NAME(vector) found = {0};
    memcpy(&found, x, count * sizeof(REAL));
    return found;
}

static REAL NAME(square)(const REAL *restrict x, long size)
{
    REAL sum = 0;
#pragma omp simd reduction(+ : sum)
    for (long i = 0; i < size; i++)
        sum += x[i] * x[i];
    return sum;
}

static inline REAL NAME(sum_of)(NAME(vector) x)
{
    REAL lanes[LANES], sum = 0;
    memcpy(lanes, &x, BYTES);
#pragma omp simd reduction(+ : sum)
    for (long lane = 0; lane < LANES; lane++)
        sum += lanes[lane];
    return sum;
}

/* Add the products of `tall` rows of (., size) from a on with as many from b on, lane by lane, to sums (tall, tall). */
INLINE void NAME(dots)(const REAL *a, const REAL *b, long size, long tall, long lanes, NAME(vector) * sums)
{
    NAME(vector) right[4];
    for (long c = 0; c < tall; c++)
        right[c] = NAME(load)(b + c * size, lanes);
    for (long r = 0; r < tall; r++) {
        NAME(vector) left = NAME(load)(a + r * size, lanes);
        for (long c = 0; c < tall; c++)
            sums[r * tall + c] += left * right[c];
    }
}

INLINE void NAME(all_dots)(const REAL *a, const REAL *b, long size, long tall, NAME(vector) * sums)
{
    long i = 0;
    for (; i + LANES <= size; i += LANES)
        NAME(dots)(a + i, b + i, size, tall, LANES, sums);
    if (i < size)
        NAME(dots)(a + i, b + i, size, tall, size - i, sums);
}

/* What `tall` rows from r on and as many from c on bring to the squared length of a product. */
INLINE REAL NAME(pairs)(const NAME(Product) *p, const REAL *slopes, const REAL *x, long r, long c, long tall)
{
    NAME(vector) of_slopes[16] = {0}, of_x[16] = {0}, sum = {0};
    NAME(all_dots)(slopes + r * p->outputs, slopes + c * p->outputs, p->outputs, tall, of_slopes);
    NAME(all_dots)(x + r * p->inputs, x + c * p->inputs, p->inputs, tall, of_x);
    for (long i = 0; i < tall * tall; i++)
        sum += NAME(sum_of)(of_slopes[i]) * of_x[i];
    return (r == c ? 1 : 2) * NAME(sum_of)(sum);
}

/* The squared length of a product, without the product: the sum over all pairs of rows of what the rows of slopes have
   in common, times what the rows of inputs have. */
static REAL NAME(product_square)(const NAME(Product) *p, const REAL *slopes, const REAL *x)
{
    REAL sum = 0;
    long whole = p->batch - p->batch % 4;
    for (long r = 0; r < whole; r += 4)
        for (long c = 0; c <= r; c += 4)
            sum += NAME(pairs)(p, slopes, x, r, c, 4);
    for (long r = whole; r < p->batch; r++)
        for (long c = 0; c <= r; c++)
            sum += NAME(pairs)(p, slopes, x, r, c, 1);
    return sum < 0 ? 0 : sum; /* by rounding */
}

/* `tall` rows and `wide` vectors of a product, the last vector of `lanes` numbers. */
INLINE void NAME(block)(const NAME(Product) *p, const REAL *slopes, const REAL *x, REAL *out, long tall, long wide,
                        long lanes)
{
    NAME(vector) sums[TALL][WIDE] = {0};
    for (long r = 0; r < p->batch; r++) {
        NAME(vector) at[WIDE];
        for (long w = 0; w < wide; w++)
            at[w] = NAME(load)(x + r * p->inputs + w * LANES, lanes);
        for (long t = 0; t < tall; t++)
            for (long w = 0; w < wide; w++)
                sums[t][w] += slopes[r * p->outputs + t] * at[w];
    }
    for (long t = 0; t < tall; t++)
        for (long w = 0; w < wide; w++)
            memcpy(out + t * p->inputs + w * LANES, &sums[t][w], lanes * sizeof(REAL));
}

/* `tall` rows of a product, from the output on that slopes begin with. */
INLINE void NAME(rows_of)(const NAME(Product) *p, const REAL *slopes, const REAL *x, REAL *out, long tall)
{
    long i = 0;
    for (; i + WIDE * LANES <= p->inputs; i += WIDE * LANES)
        NAME(block)(p, slopes, x + i, out + i, tall, WIDE, LANES);
    for (; i + LANES <= p->inputs; i += LANES)
        NAME(block)(p, slopes, x + i, out + i, tall, 1, LANES);
    if (i < p->inputs)
        NAME(block)(p, slopes, x + i, out + i, tall, 1, p->inputs - i);
}

static void NAME(adam)(const NAME(Coefficients) *c, const NAME(Stack) *s, long at, long count, const REAL *restrict g,
                       REAL shorten, REAL decay)
{
    REAL *restrict p = s->values + at, *restrict m = s->first + at, *restrict v = s->second + at;
    REAL one = 1 - c->keep_first, two = 1 - c->keep_second, keep = c->keep_second, step = c->rate, scale = c->scale;
    REAL coupled = s->coupled ? decay : 0, free = s->coupled ? 0 : decay;
    long i = 0;
#ifdef QUOTIENT
    for (; i + LANES <= count; i += LANES) {
        NAME(vector) value = NAME(load)(p + i, LANES), mean = NAME(load)(m + i, LANES);
        NAME(vector) slope = NAME(load)(g + i, LANES) * shorten + coupled * value;
        NAME(vector) square = keep * NAME(load)(v + i, LANES) + two * slope * slope;
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

static void NAME(sgd)(const NAME(Coefficients) *c, const NAME(Stack) *s, long at, long count, const REAL *restrict g,
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

static void NAME(finish)(const NAME(Coefficients) *c, const NAME(Stack) *s, long at, long count, long decays)
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
static void NAME(move)(const NAME(Coefficients) *c, const NAME(Stack) *s, long at, long count, const REAL *g,
                       REAL shorten, long decays)
{
    if (s->second)
        NAME(adam)(c, s, at, count, g, shorten, decays ? c->decay : 0);
    else
        NAME(sgd)(c, s, at, count, g, shorten, decays ? c->decay : 0);
    NAME(finish)(c, s, at, count, decays);
}

/* The step of weights whose gradient is a product: some rows of it at a time, which never leave the cache. */
static void NAME(move_by_product)(const NAME(Coefficients) *c, const NAME(Stack) *s, long at, const NAME(Product) *p,
                                  const REAL *slopes, const REAL *x, REAL shorten, long decays)
{
    long o = 0;
    for (; o + TALL <= p->outputs; o += TALL) {
        NAME(rows_of)(p, slopes + o, x, s->room, TALL);
        NAME(move)(c, s, at + o * p->inputs, TALL * p->inputs, s->room, shorten, decays);
    }
    for (; o < p->outputs; o++) {
        NAME(rows_of)(p, slopes + o, x, s->room, 1);
        NAME(move)(c, s, at + o * p->inputs, p->inputs, s->room, shorten, decays);
    }
}

static double NAME(norm)(const NAME(Stack) *s, long row)
{
    REAL sum = 0;
    for (const NAME(Piece) *piece = s->pieces; piece < s->pieces + s->count; piece++) {
        const NAME(Product) *p = s->products + piece->product;
        if (piece->product < 0)
            sum += NAME(square)(s->gradients + row * s->size + piece->begin, piece->end - piece->begin);
        else
            sum += NAME(product_square)(p, p->slopes + row * p->slopes_stride, p->x + row * p->x_stride);
    }
    return ROOT(sum);
}

/* One step of the first `rows` rows. A row whose gradient is not finite stays as it is. */
void NAME(step)(const NAME(Stack) *s, const NAME(Coefficients) *coefficients, long rows)
{
    for (long row = 0; row < rows; row++) {
        const NAME(Coefficients) *c = coefficients + row;
        double norm = NAME(norm)(s, row);
        s->norms[row] = norm;
        if (!isfinite(norm))
            continue;
        REAL shorten = c->clip > 0 && norm > c->clip ? c->clip / norm : 1;
        for (const NAME(Piece) *piece = s->pieces; piece < s->pieces + s->count; piece++) {
            long at = row * s->size + piece->begin;
            const NAME(Product) *p = s->products + piece->product;
            if (piece->product < 0)
                NAME(move)(c, s, at, piece->end - piece->begin, s->gradients + at, shorten, piece->decays);
            else
                NAME(move_by_product)(c, s, at, p, p->slopes + row * p->slopes_stride, p->x + row * p->x_stride,
                                      shorten, piece->decays);
        }
    }
}

/* What dropout multiplies `size` entries by, `count` times: where `kept` of 65536 random numbers leave one, it is scaled
   up. The numbers of one mask lie `step` behind those of the one before. */
void NAME(masks)(const int16_t *restrict bits, long count, long size, long step, long kept, REAL *restrict out)
{
    REAL scale = 65536.0 / kept;
    int16_t below = kept - 32768;
    for (long mask = 0; mask < count; mask++)
#pragma omp simd
        for (long i = 0; i < size; i++)
            out[mask * size + i] = bits[mask * step + i] < below ? scale : 0;
}

/* x / sqrt(1 + (x / limit)^2) in place. */
void NAME(clip)(REAL *restrict x, long count, double limit)
{
    REAL scale = 1 / limit;
#pragma omp simd
    for (long i = 0; i < count; i++)
        x[i] /= ROOT(1 + x[i] * scale * x[i] * scale);
}

/* Cross-entropy of scores (rows, classes) against targets of the same shape, which need not sum to one: its mean over
   the rows is returned, its gradient takes the place of the scores. */
static REAL NAME(entropy)(REAL *restrict scores, const REAL *restrict targets, long rows, long classes)
{
    REAL total = 0;
    for (long row = 0; row < rows; row++) {
        REAL *z = scores + row * classes, most = z[0], sum = 0, weight = 0, dot = 0;
        const REAL *t = targets + row * classes;
        for (long c = 1; c < classes; c++)
            most = z[c] > most ? z[c] : most;
        for (long c = 0; c < classes; c++) {
            weight += t[c];
            dot += t[c] * (z[c] - most);
            z[c] = EXP(z[c] - most);
            sum += z[c];
        }
        total += weight * LOG(sum) - dot;
        REAL factor = weight / (sum * rows);
        for (long c = 0; c < classes; c++)
            z[c] = z[c] * factor - t[c] / rows;
    }
    return total / rows;
}

/* The same of `runs` networks; targets of one lie `stride` numbers behind those of the one before. */
void NAME(cross_entropy)(REAL *scores, const REAL *targets, long stride, long runs, long rows, long classes,
                         REAL *losses)
{
    for (long run = 0; run < runs; run++)
        losses[run] = NAME(entropy)(scores + run * rows * classes, targets + run * stride, rows, classes);
}

#endif
