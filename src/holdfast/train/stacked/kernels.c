/* The optimisers' steps of many networks, one pass over the numbers of each while they are in the cache.

   Row k of `rows` has its own coefficients, and leaves the others as they are whatever it holds. The steps are those of
   holdfast.train.optimisers.update. This file includes itself once for each type of numbers. */

#ifndef REAL
#include <math.h>
#include <stdint.h>
#define REAL float
#define ROOT sqrtf
#define EXP expf
#define LOG logf
#define NAME(function) function##_float32
#include "kernels.c"
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

typedef struct {
    long rows, size;              /* of the matrices */
    long coupled, nesterov;       /* whether decay goes through the moments; whether SGD looks ahead */
    REAL *values, *gradients;     /* (rows, size), as all that follow */
    REAL *first, *second;         /* moments of Adam; `first` is the velocity of SGD, without a second */
    REAL *average;                /* of the values, or null */
    double *norms;                /* (rows): of the gradients, before clipping */
    long pieces, decays_first;    /* by turns weight decay applies to a piece and does not; whether to the first */
    const int64_t *bounds;          /* (pieces + 1): where they begin and end */
} NAME(Stack);

static REAL NAME(norm)(const REAL *restrict x, long size)
{
    REAL sum = 0;
#pragma omp simd reduction(+ : sum)
    for (long i = 0; i < size; i++)
        sum += x[i] * x[i];
    return ROOT(sum);
}

static void NAME(adam)(const NAME(Coefficients) *c, long row, const NAME(Stack) *s, long from, long to, REAL shorten,
                       REAL decay)
{
    REAL *restrict p = s->values + row * s->size, *restrict g = s->gradients + row * s->size;
    REAL *restrict m = s->first + row * s->size, *restrict v = s->second + row * s->size;
    REAL one = 1 - c->keep_first, two = 1 - c->keep_second, keep = c->keep_second, step = c->rate, scale = c->scale;
    REAL coupled = s->coupled ? decay : 0, free = s->coupled ? 0 : decay;
#pragma omp simd
    for (long i = from; i < to; i++) {
        REAL slope = g[i] * shorten + coupled * p[i];
        REAL mean = m[i] + one * (slope - m[i]), square = keep * v[i] + two * slope * slope;
        m[i] = mean;
        v[i] = square;
        p[i] = p[i] - free * p[i] - step * mean / (ROOT(square) * scale + (REAL)1e-8);
    }
}

static void NAME(sgd)(const NAME(Coefficients) *c, long row, const NAME(Stack) *s, long from, long to, REAL shorten,
                      REAL decay)
{
    REAL *restrict p = s->values + row * s->size, *restrict g = s->gradients + row * s->size;
    REAL *restrict m = s->first + row * s->size;
    REAL momentum = c->momentum, rate = c->rate;
    REAL coupled = s->coupled ? decay : 0, free = s->coupled ? 0 : decay;
    REAL now = s->nesterov ? rate : 0, later = s->nesterov ? rate * momentum : rate;
#pragma omp simd
    for (long i = from; i < to; i++) {
        REAL slope = g[i] * shorten + coupled * p[i];
        REAL velocity = momentum * m[i] + slope;
        m[i] = velocity;
        p[i] = p[i] - free * p[i] - now * slope - later * velocity;
    }
}

static void NAME(finish)(const NAME(Coefficients) *c, long row, const NAME(Stack) *s, long from, long to, int decays)
{
    REAL *restrict p = s->values + row * s->size;
    REAL most = c->l1, weight = c->average;
    if (decays && most > 0)
#pragma omp simd
        for (long i = from; i < to; i++) {
            REAL shrunk = p[i] < most ? p[i] : most;
            p[i] -= shrunk > -most ? shrunk : -most;
        }
    if (s->average) {
        REAL *restrict a = s->average + row * s->size;
#pragma omp simd
        for (long i = from; i < to; i++)
            a[i] += weight * (p[i] - a[i]);
    }
}

/* One step of the first `rows` rows. A row whose gradient is not finite stays as it is. */
void NAME(step)(const NAME(Stack) *s, const NAME(Coefficients) *coefficients, long rows)
{
    for (long row = 0; row < rows; row++) {
        const NAME(Coefficients) *c = coefficients + row;
        double norm = NAME(norm)(s->gradients + row * s->size, s->size);
        s->norms[row] = norm;
        if (!isfinite(norm))
            continue;
        REAL shorten = c->clip > 0 && norm > c->clip ? c->clip / norm : 1;
        for (long piece = 0; piece < s->pieces; piece++) {
            long from = s->bounds[piece], to = s->bounds[piece + 1];
            int decays = s->decays_first ? piece % 2 == 0 : piece % 2 == 1;
            if (s->second)
                NAME(adam)(c, row, s, from, to, shorten, decays ? c->decay : 0);
            else
                NAME(sgd)(c, row, s, from, to, shorten, decays ? c->decay : 0);
            NAME(finish)(c, row, s, from, to, decays);
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
