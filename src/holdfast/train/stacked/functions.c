/* Functions of vectors of numbers, for kernels.c.

   They are exact to a few units of the last place, and NaN stays NaN. */

typedef REAL vector __attribute__((vector_size(BYTES)));
typedef INTEGER integers __attribute__((vector_size(BYTES)));
#define LANES ((long)(BYTES / sizeof(REAL)))

/* The first `count` numbers from x on, zeros behind them. */
INLINE vector load(const REAL *x, long count)
{
#ifdef LOAD_SOME
    return (vector)LOAD_SOME((1u << count) - 1, x);
#else
    vector found = {0};
    if (count == LANES)
        memcpy(&found, x, BYTES);
    else
        for (long lane = 0; lane < count; lane++)
            found[lane] = x[lane];
    return found;
#endif
}

INLINE void store(REAL *x, vector v, long count)
{
#ifdef STORE_SOME
    STORE_SOME(x, (1u << count) - 1, v);
#else
    if (count == LANES)
        memcpy(x, &v, BYTES);
    else
        for (long lane = 0; lane < count; lane++)
            x[lane] = v[lane];
#endif
}

/* How many numbers of a row of `size` go into the vector that begins at i. */
INLINE long vector_part(long size, long i)
{
    return size - i < LANES ? size - i : LANES;
}

static inline REAL sum_of(vector x)
{
    REAL lanes[LANES], sum = 0;
    memcpy(lanes, &x, BYTES);
#pragma omp simd reduction(+ : sum)
    for (long lane = 0; lane < LANES; lane++)
        sum += lanes[lane];
    return sum;
}

INLINE vector choose(integers where, vector yes, vector no)
{
    return (vector)((where & (integers)yes) | (~where & (integers)no));
}

INLINE vector magnitude(vector x)
{
    return choose(x < 0, -x, x);
}

/* The return value times *scale, and *scale - 1, make e^x - 1; x is of moderate size. With n the whole number next to
   x / log 2, *scale is 2^n, whose exponent is cut out of the sum with a number that leaves no room for fractions, and
   the Taylor series of what is left converges in `TERMS` terms. */
INLINE vector split(vector x, vector * scale)
{
    static const REAL factors[] = {1.0 / 2,         1.0 / 6,          1.0 / 24,          1.0 / 120,
                                   1.0 / 720,       1.0 / 5040,       1.0 / 40320,       1.0 / 362880,
                                   1.0 / 3628800,   1.0 / 39916800,   1.0 / 479001600,   1.0 / 6227020800};
    vector sum = x * (REAL)1.4426950408889634 + (REAL)ROUNDER, n = sum - (REAL)ROUNDER;
    vector rest = x - n * (REAL)LOG2_HIGH - n * (REAL)LOG2_LOW;
    vector series = {0};
    series += factors[TERMS - 1];
#pragma GCC unroll 16
    for (long term = TERMS - 2; term >= 0; term--)
        series = series * rest + factors[term];
    *scale = (vector)(((integers)sum << MANTISSA) + ONE);
    return rest + rest * rest * series;
}

/* e^x, of numbers beyond +-FARTHEST as if they were there. */
INLINE vector power(vector x)
{
    vector far = {0}, scale;
    far += FARTHEST;
    x = choose(x > far, far, x);
    x = choose(x < -far, -far, x);
    vector less = split(x, &scale);
    return scale * less + scale;
}

INLINE vector hyperbolic_tangent(vector x)
{
    vector size = magnitude(x), far = {0}, scale;
    far += 20;
    size = choose(size > far, far, size);
    vector less = split(-2 * size, &scale);
    less = scale * less + (scale - 1);
    vector found = -less / (2 + less);
    return choose(x < 0, -found, found);
}

INLINE vector logistic(vector x)
{
    return 1 / (1 + power(-x));
}

/* The normal distribution's function at x, and its density. With z = |x|/sqrt(2), erfc(z) e^(z^2) (1 + 2 z) is a
   polynomial in (z - ERFC_MIDDLE) / (z + ERFC_MIDDLE) (after Shepherd and Laframboise 1981, equation 3.1), fitted with
   an error of 3e-9 in single and 2e-18 in double precision. */
INLINE vector normal(vector x, vector * density)
{
    static const REAL factors[] = {ERFC_FACTORS};
    vector z = magnitude(x) * (REAL)0.70710678118654752, far = {0};
    far += ERFC_FARTHEST;
    z = choose(z > far, far, z);
    vector at = (z - ERFC_MIDDLE) / (z + ERFC_MIDDLE), tail = power(x * x * (REAL)-0.5), series = {0};
    series += factors[0];
#pragma GCC unroll 32
    for (long term = 1; term < (long)(sizeof(factors) / sizeof(REAL)); term++)
        series = series * at + factors[term];
    *density = tail * (REAL)0.39894228040143268;
    vector above = (REAL)0.5 * tail * series / (1 + 2 * z);
    return choose(x < 0, above, 1 - above);
}
