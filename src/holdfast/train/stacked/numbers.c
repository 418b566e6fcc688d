/* What depends on the type of the numbers and on the machine's vectors, for kernels.c. */

#ifdef __AVX__
#include <immintrin.h>
#endif

/* Bytes of a vector, and the block of a product whose sums are kept in registers: its rows, and vectors in each. */
#ifdef __AVX512F__
#define BYTES 64
#define TALL 8
#define WIDE 3
#elif defined(__AVX__)
#define BYTES 32
#define TALL 6
#define WIDE 2
#else
#define BYTES 16
#define TALL 4
#define WIDE 2
#endif
#define BROAD 4096     /* bytes of a row of a matrix, from which on its columns are copied together */
#define MOST_ROOMS 256 /* of a network, and masks */
#define INLINE static inline __attribute__((always_inline))

#ifdef DOUBLE
#define REAL double
#define ROOT sqrt
#define LOG log
#define INTEGER int64_t
#define MANTISSA 52
#define ONE 0x3ff0000000000000
#define ROUNDER 0x1.8p52
#define LOG2_HIGH 0x1.62e42fee00000p-1
#define LOG2_LOW 0x1.a39ef35793c76p-33
#define TERMS 12
#define FARTHEST 708
#define ERFC_MIDDLE 4
#define ERFC_FARTHEST 27
#define ERFC_FACTORS                                                                                                   \
    1.242877815583761257e-9, 1.801863113162446063e-9, -1.410350364523091657e-8, -1.783552700243590361e-8,              \
        1.101875618076316696e-7, 7.455868029297701808e-8, -8.25662518728269217e-7, 2.938542560199284529e-7,            \
        5.709928255278232889e-6, -1.122205930248418414e-5, -2.439930736945527364e-5, 1.506216937840656906e-4,          \
        -1.992566670501857096e-4, -7.577732952568107565e-4, 5.031969972796012368e-3, -1.619773405644002224e-2,         \
        3.716751553807599316e-2, -6.633036581236374224e-2, 9.373283499831266809e-2, -1.010390660362967956e-1,          \
        6.809705425469370467e-2, 1.537965210261959732e-2, -1.396211168405625216e-1, 1.23299511862555251
#else
#define REAL float
#define ROOT sqrtf
#define LOG logf
#define INTEGER int32_t
#define MANTISSA 23
#define ONE 0x3f800000
#define ROUNDER 0x1.8p23f
#define LOG2_HIGH 0x1.62e4p-1f
#define LOG2_LOW 0x1.7f7d1cp-20f
#define TERMS 6
#define FARTHEST 87
#define ERFC_MIDDLE 3
#define ERFC_FARTHEST 10
#define ERFC_FACTORS                                                                                                   \
    -2.782656999e-4f, -8.009517877e-4f, 1.992521019e-3f, 2.579984264e-3f, -2.378911781e-2f, 6.829366712e-2f,           \
        -1.192728274e-1f, 1.296465376e-1f, -4.756227211e-2f, -1.356211419e-1f, 1.253008058f
#endif

#if defined(__AVX512F__) && defined(DOUBLE)
#define LOAD_SOME _mm512_maskz_loadu_pd
#define STORE_SOME _mm512_mask_storeu_pd
#elif defined(__AVX512F__)
#define LOAD_SOME _mm512_maskz_loadu_ps
#define STORE_SOME _mm512_mask_storeu_ps
#define QUOTIENT quotient
#define TURN turn

/* mean / (sqrt(square) * scale + 1e-8), in a third of the time of a root and a division: each begins with 14 bits and
   is made exact to the rounding by one step of Newton's method. */
INLINE __m512 quotient(__m512 mean, __m512 square, float scale)
{
    __m512 positive = _mm512_max_ps(square, _mm512_set1_ps(1e-37f));
    __m512 inverse = _mm512_rsqrt14_ps(positive);
    inverse *= 1.5f - 0.5f * positive * inverse * inverse;
    __m512 below = square * inverse * scale + 1e-8f;
    __m512 found = _mm512_rcp14_ps(below);
    return mean * (found * (2.0f - below * found));
}

/* Four columns, from i on, of 16 rows, which become four rows with `step` numbers from one to the next. */
INLINE void turn(const float *const *rows, long i, float *out, long step)
{
    __m512 quads[4];
    for (long q = 0; q < 4; q++) {
        quads[q] = _mm512_broadcast_f32x4(_mm_loadu_ps(rows[q] + i));
        quads[q] = _mm512_mask_broadcast_f32x4(quads[q], 0x00f0, _mm_loadu_ps(rows[q + 4] + i));
        quads[q] = _mm512_mask_broadcast_f32x4(quads[q], 0x0f00, _mm_loadu_ps(rows[q + 8] + i));
        quads[q] = _mm512_mask_broadcast_f32x4(quads[q], 0xf000, _mm_loadu_ps(rows[q + 12] + i));
    }
    __m512d even = _mm512_castps_pd(_mm512_unpacklo_ps(quads[0], quads[1]));
    __m512d odd = _mm512_castps_pd(_mm512_unpackhi_ps(quads[0], quads[1]));
    __m512d next_even = _mm512_castps_pd(_mm512_unpacklo_ps(quads[2], quads[3]));
    __m512d next_odd = _mm512_castps_pd(_mm512_unpackhi_ps(quads[2], quads[3]));
    _mm512_storeu_pd(out, _mm512_unpacklo_pd(even, next_even));
    _mm512_storeu_pd(out + step, _mm512_unpackhi_pd(even, next_even));
    _mm512_storeu_pd(out + 2 * step, _mm512_unpacklo_pd(odd, next_odd));
    _mm512_storeu_pd(out + 3 * step, _mm512_unpackhi_pd(odd, next_odd));
}
#elif defined(__AVX__) && !defined(DOUBLE)
#define TURN turn

/* Four columns, from i on, of 8 rows, which become four rows with `step` numbers from one to the next. */
INLINE void turn(const float *const *rows, long i, float *out, long step)
{
    __m256 quads[4];
    for (long q = 0; q < 4; q++)
        quads[q] = _mm256_insertf128_ps(_mm256_broadcast_ps((const __m128 *)(rows[q] + i)),
                                        _mm_loadu_ps(rows[q + 4] + i), 1);
    __m256 even = _mm256_unpacklo_ps(quads[0], quads[1]), odd = _mm256_unpackhi_ps(quads[0], quads[1]);
    __m256 next_even = _mm256_unpacklo_ps(quads[2], quads[3]), next_odd = _mm256_unpackhi_ps(quads[2], quads[3]);
    _mm256_storeu_ps(out, _mm256_shuffle_ps(even, next_even, 0x44));
    _mm256_storeu_ps(out + step, _mm256_shuffle_ps(even, next_even, 0xee));
    _mm256_storeu_ps(out + 2 * step, _mm256_shuffle_ps(odd, next_odd, 0x44));
    _mm256_storeu_ps(out + 3 * step, _mm256_shuffle_ps(odd, next_odd, 0xee));
}
#endif
